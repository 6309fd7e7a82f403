"""Everything a user can get wrong ends in one sentence, status 1 and nothing written."""

import zipfile

import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, sample_with, train_with
from helpers.hostile import IMPORTABLE, Payload, plant
from helpers.scripts import files_in, run_here

import interpolants
from interpolants.cli.errors import sentence

_UNKNOWN = "expected an existing key, got an unknown one"
_CHECKPOINT = "expected a checkpoint written by interpolants"
_REFUSED = "got one with more than tensors and plain values; refused, nothing was run"
_COUNT = "expected a whole number > 0"

# Arguments, and how the sentence starts.
_TRAIN = {
    "net.hiden=16": f"net.hiden: {_UNKNOWN}; did you mean net.hidden?",
    "data=chekerboard": "data: expected one of array, bridge, checkerboard,",
    "net.hidden=-1": f"MLP.hidden: {_COUNT}, got -1",
    "net.hidden=wide": "net.hidden: expected a whole number, got 'wide'",
    "net.activation=foo": "MLP.activation: expected one of",
    "net.time_features=33": "TimeEmbedding.features: expected an even whole number >= 0, got 33",
    "interpolant.gamma.a=-1": "interpolant.gamma: BrownianBridgeGamma.a: expected a number > 0,",
    "interpolant/gamma=zero": "DenoiserObjective.interpolant: expected latent noise gamma > 0,",
    "objective=score": "Fields.velocity: expected a velocity that follows from the predictions",
    "objective.denoiser_factor=0": "objective: VelocityAndDenoiserObjective.denoiser_factor: ",
    "sampler/solver=euler_maruyama": "Sampler.solver: expected a solver for an ODE",
    "sampler=sde sampler/solver=heun": "Sampler.solver: expected a solver for an SDE",
    "sampler=sde interpolant=one_sided_linear coupling=minibatch_ot": "Fields.score: expected "
    "an independent coupling on a one-sided path, got 'MinibatchOTCoupling'",
    "sampler=sde sampler/epsilon=kl_optimal": "KLOptimalEpsilon: expected a one-sided path,",
    "sampler=sde sampler.epsilon=-1": "ConstantEpsilon.c: expected a number > 0, got -1",
    "sampler=sde sampler.epsilon=much": "sampler.epsilon is a group: write sampler/epsilon=much",
    "sampler=sde sampler.epsilon=null": "Sampler.epsilon: expected an Epsilon or a number > 0 for",
    "+sampler.epsilon=0.5": "Sampler.epsilon: expected None for ProbabilityFlow, which has no noi",
    "+net.hiden=3": f"net.hiden: {_UNKNOWN}; did you mean net.hidden?",
    "sampler=sde report_size=20000": "sampler/noise: expected per_sample for samples that are "
    "drawn in chunks, got 'GeneratorNoise'; add sampler/noise=per_sample, or report_size=16384",
    "sampler.num_steps=0": f"Sampler.num_steps: {_COUNT}, got 0",
    "sampler.process.cut=0.7": "ProbabilityFlow.cut: expected a number in (0, 0.5), got 0.7",
    "data=file": "data.path: expected a value, got nothing; set data.path=...",
    "data=file data.path=none.csv": "data: File.path: expected an existing file, got 'none.csv'",
    "data=file data.path=word.csv": "data: File.path: expected a number in line 3, column 'b' of",
    "data=table data.name=beer": "data: Table.name: expected one of breast_cancer, diabetes,",
    "data=table batch_size=1000": "batch_size: expected at most the 142 training rows of Table",
    "batch_size=0": f"batch_size: {_COUNT}, got 0",
    "batch_size=true": "batch_size: expected a whole number, got True",
    "max_steps=0": f"max_steps: {_COUNT}, got 0",
    "threads=0": f"threads: {_COUNT}, got 0",
    "clip_norm=-1": "clip_norm: expected a number > 0, got -1",
    "ema=1.5": "EMA.decay: expected a number in [0, 1), got 1.5",
    "ema=slow": "ema: expected a number, got 'slow'",
    "seed=-1": "seed: expected a whole number in [0, 2^32), got -1",
    "optimizer.lr=-1": "optimizer: Invalid learning rate: -1",
    "scheduler.warmup_steps=9": "scheduler.warmup_steps: expected a whole number in [0, max_steps",
    "validate_every=3": "validate_every: expected a multiple of steps_per_batch = 2, got 3",
    "sample_every=3": "sample_every: expected a multiple of validate_every = 2, got 3",
    "time_sampler.margin=0.7": "time_sampler: UniformTime.margin: expected a number in (0, 0.5)",
    "ckpt=none.ckpt": f"none.ckpt: {_CHECKPOINT}, or a folder of them, got no such file",
    "ckpt=text.ckpt": f"text.ckpt: {_CHECKPOINT}, got a truncated file or another format",
    "ckpt=foreign.ckpt": f"foreign.ckpt: {_CHECKPOINT}, got a file of another program",
    "resume=always": "resume: expected never or auto, got 'always'; or set ckpt=PATH",
    "coupling=paired": "coupling: expected data whose batches have x0, for paired data, got",
    "base=dataset data@base.data=digits": "DatasetBase.data: expected samples of the target's",
    "trainer=gpu": "trainer.accelerator: expected a kind of device that torch finds here, got",
    "trainer.precision=3": "trainer.precision: expected null or '16' or '16-mixed' or",
}
_SAMPLE = {
    "ckpt=none.ckpt": f"none.ckpt: {_CHECKPOINT}, or a folder of them, got no such file",
    "": "ckpt: expected a trained run below outputs/, got none; train a model first, or set",
    "ckpt=real.ckpt n=0": f"n: {_COUNT}, got 0",
    "ckpt=real.ckpt n=many": "n: expected a whole number, got 'many'",
    "ckpt=real.ckpt threads=0": f"threads: {_COUNT}, got 0",
    "ckpt=real.ckpt seed=one": "seed: expected a whole number, got 'one'",
    "ckpt=real.ckpt weights=foo": "load.weights: expected 'ema', 'raw', or a relative width in (0",
    "ckpt=real.ckpt device=foo": "load.device: expected a device of this machine, got 'foo'",
    "ckpt=real.ckpt sampler=sde sampler.epsilon=null": "Sampler.epsilon: expected an Epsilon or a",
    "ckpt=real.ckpt +sampler.epsilon=1": "Sampler.epsilon: expected None for ProbabilityFlow, ",
    "ckpt=real.ckpt context_length=3": "context_length: expected no such setting for an interp",
    "ckpt=real.ckpt num_steps=0": f"num_steps: {_COUNT}, got 0",
    "ckpt=real.ckpt sampler/solver=euler_maruyama": "Sampler.solver: expected a solver for an ODE",
    "ckpt=real.ckpt sampler=sde sampler/epsilon=kl_optimal": "KLOptimalEpsilon: expected a one-",
}
# Composed by Hydra, so worth the real command line; the others are tried in this process.
_LINES = ["net.hiden=16", "data=chekerboard", "data=file", "batch_size=0", "ckpt=text.ckpt"]


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A checkpoint of a run, read back."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        report = train_with(tmp_path_factory.mktemp("real"), "max_steps=2", "metric=[]")
    return torch.load(run_folder(report) / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, real):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "word.csv").write_text("a,b\n1,2\n3,x\n")
    (folder / "text.ckpt").write_text("hello")
    torch.save({}, folder / "foreign.ckpt")
    torch.save(real, folder / "real.ckpt")
    torch.save({**real, "payload": Payload(folder / "marker")}, folder / "pickled.ckpt")
    shell, file = {"command": "touch marker"}, {"file": "marker", "mode": "w"}
    _planted(real, "net", {"_target_": "os.system"} | shell, folder / "net.ckpt")
    _planted(real, "data", {"_target_": "builtins.open"} | file, folder / "data.ckpt")
    return folder


def _check_sentence(sentence, start):
    assert sentence.startswith(start)
    assert "\n" not in sentence and "traceback=true" not in sentence


@pytest.mark.parametrize("case", _TRAIN)
def test_bad_inputs_of_training_are_refused_in_one_sentence(case, folder, monkeypatch):
    if case == "trainer=gpu" and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    monkeypatch.chdir(folder)
    before = files_in(folder)
    with pytest.raises(Exception) as caught:
        train_with(folder, *case.split())
    _check_sentence(sentence(caught.value), _TRAIN[case])
    assert files_in(folder) == before


@pytest.mark.parametrize("case", _SAMPLE)
def test_bad_inputs_of_sampling_are_refused_in_one_sentence(case, folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = files_in(folder)
    with pytest.raises(Exception) as caught:
        sample_with(*case.split())
    _check_sentence(sentence(caught.value), _SAMPLE[case])
    assert files_in(folder) == before


def test_bad_inputs_on_the_command_line_print_their_sentence_and_write_nothing(folder):
    before = files_in(folder)
    planted = {
        "sample ckpt=pickled.ckpt": f"pickled.ckpt: {_CHECKPOINT}, {_REFUSED}",
        "sample ckpt=net.ckpt": "net._target_: expected a class defined in interpolants.net, got",
        "sample ckpt=data.ckpt": "data._target_: expected a class defined in interpolants.data,",
        "train ckpt=pickled.ckpt": f"pickled.ckpt: {_CHECKPOINT}, {_REFUSED}",
        "train ckpt=net.ckpt": "net.",
    }
    cases = {f"train {case}": _TRAIN[case] for case in _LINES} | planted
    done = run_here(folder, [case.split() for case in cases])
    for (status, out, err), start in zip(done, cases.values(), strict=True):
        assert err.startswith("error: ") and err.endswith("\n")
        _check_sentence(err.removeprefix("error: ")[:-1], start)
        assert (status, out) == (1, "")
    assert files_in(folder) == before


def _planted(real, part, node, path):
    """The real checkpoint, with a spec planted where a part was."""
    config = {**real["hyper_parameters"]["config"], part: node}
    torch.save({**real, "hyper_parameters": {"config": config}}, path)


# That the targets would have their effect is tested where specs are.
@pytest.mark.parametrize("hostile", IMPORTABLE, ids=lambda hostile: repr(hostile.target))
@pytest.mark.parametrize("part", ["net", "sampler", "objective"])
def test_bad_inputs_planted_target_is_refused_without_effect(
    part, hostile, real, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    plant(tmp_path)
    node = hostile.node(tmp_path) | {"_partial_": part == "sampler"}
    _planted(real, part, node, tmp_path / "planted.ckpt")
    before = files_in(tmp_path)
    with pytest.raises(ValueError, match=rf"^{part}\._target_: expected a class defined in "):
        interpolants.load(tmp_path / "planted.ckpt")
    assert files_in(tmp_path) == before


def test_bad_inputs_pickled_payload_is_refused_without_effect(real, tmp_path):
    path, marker = tmp_path / "pickled.ckpt", tmp_path / "marker"
    torch.save({**real, "payload": Payload(marker)}, path)
    assert zipfile.is_zipfile(path)
    with pytest.raises(ValueError, match="refused, nothing was run"):
        interpolants.load(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists(), "the payload itself works"
