"""No setting vanishes: keys are known and values of a kind that fits, before torch is loaded."""

import re

import pytest
import yaml
from helpers.compose import CONF, config_of

from interpolants.cli.composed import _KINDS, known_keys
from interpolants.cli.main import start

_UNKNOWN = "expected an existing key, got an unknown one"
_WHOLE = "expected a whole number, got"

# Overrides of `train`, and the whole sentence.
_TRAIN = {
    "max_steps=ten": f"max_steps: {_WHOLE} 'ten'",
    "batch_size=true": f"batch_size: {_WHOLE} True",
    "batch_size=null": f"batch_size: {_WHOLE} None",
    "seed=1.0": f"seed: {_WHOLE} 1.0; write 1",
    "seed=[1]": f"seed: {_WHOLE} [1]",
    "traceback=1": "traceback: expected true or false, got 1",
    "name=3": "name: expected a string, got 3; quote it: 'name=\"3\"'",
    "run_dir=[a]": "run_dir: expected a string or null, got ['a']",
    "clip_norm=no": "clip_norm: expected a number or null, got 'no'",
    "power_ema=0.5": "power_ema: expected a whole number or null, got 0.5",
    "label_dropout=some": "label_dropout: expected a number or null, got 'some'",
    "optimizer.lr=0.001x": "optimizer.lr: expected a number, got '0.001x'",
    "optimizer.betas=[0.9,x]": "optimizer.betas[1]: expected a number, got 'x'",
    "net.hidden=wide": f"net.hidden: {_WHOLE} 'wide'",
    "data.standardize=yes": "data.standardize: expected true or false, got 'yes'",
    "scheduler.warmup_steps=0.1": f"scheduler.warmup_steps: {_WHOLE} 0.1",
    "weight=power weight.a=x": "weight.a: expected a number, got 'x'",
    "net=unet net.attention=8": "net.attention: expected a list, got 8",
    "+trainer.deterministic=maybe": "trainer.deterministic: expected true or false or null or "
    "'warn', got 'maybe'",
    # A module that its package imports from itself.
    "scheduler._target_=torch.optim.lr_scheduler": "scheduler._target_: expected a class or "
    "function, got 'torch.optim.lr_scheduler'; write torch.optim.lr_scheduler.Name for one of "
    "this module",
    # A dot for a slash.
    "sampler.solver=heun": "sampler.solver is a group: write sampler/solver=heun",
    "interpolant.gamma=zero": "interpolant.gamma is a group: write interpolant/gamma=zero",
    "sampler=sde sampler.epsilon=constant": "sampler.epsilon is a group: write "
    "sampler/epsilon=constant",
    "+sampler.epsilon=constant": "sampler.epsilon is a group: write sampler/epsilon=constant",
    "base=dataset base.data=moons": "base.data is a group: write data@base.data=moons",
    "task=neural_sde neural_sde.grid=uniform": "neural_sde.grid is a group: write "
    "sampler/grid@neural_sde.grid=uniform",
    "metric=kernel_distance metric.kernel_distance.features=raw": "metric.kernel_distance.features"
    " is a group: write features@metric.kernel_distance.features=raw",
    # Keys that nothing reads.
    "+callbacks.x=1": "callbacks.x: expected a part with _target_, got 1",
    "callbacks=[timer] +callbacks.timer.intervl=x": f"callbacks.timer.intervl: {_UNKNOWN}; did "
    "you mean callbacks.timer.interval?",
    "+max_step=1": f"max_step: {_UNKNOWN}; did you mean max_steps?",
    "+net.hiden=3": f"net.hiden: {_UNKNOWN}; did you mean net.hidden?",
    "+optimizer.weight_decy=3": f"optimizer.weight_decy: {_UNKNOWN}; did you mean "
    "optimizer.weight_decay?",
    "+interpolant.gamma.b=3": f"interpolant.gamma.b: {_UNKNOWN}; list all keys with --cfg job",
    "+metric.mmd=3": "metric.mmd: expected a part with _target_, got 3",
    "+logger.file=a.txt": "logger.file: expected a part with _target_, got 'a.txt'",
    "logger=wandb +logger.wandb.projct=x": f"logger.wandb.projct: {_UNKNOWN}; did you mean "
    "logger.wandb.project?",
    "logger=wandb logger.wandb.mode=ofline": "logger.wandb.mode: expected 'disabled' or 'offline' "
    "or 'online' or 'shared', got 'ofline'",
    "logger=wandb +logger.wandb.tags=x": "logger.wandb.tags: expected a list or null, got 'x'",
    "+neural_sde.latent=3": f"neural_sde: {_UNKNOWN}; list all keys with --cfg job",
    "task=flow_map net=torch_module net.module._target_=torch.nn.Identity": "net: expected a part "
    "with time_features, which task=flow_map sets, got 'TorchModule'; use net=..., out of dit, "
    "mlp, residual_mlp, unet",
    # Keys that are needed.
    "~net": "net: expected a value, got None; set net=...",
    "~max_steps": "max_steps: expected a value, got None; set max_steps=...",
}
_SAMPLE = {
    "n=many": f"n: {_WHOLE} 'many'",
    "n=3.5": f"n: {_WHOLE} 3.5",
    "num_steps=ten": f"num_steps: {_WHOLE} 'ten'",
    "chunk_size=x": "chunk_size: expected a whole number or null, got 'x'",
    "label=[1,b]": "label[1]: expected a number, got 'b'",
    "weights=[1]": "weights: expected a number or a string, got [1]",
    "trust=mine": "trust: expected a list, got 'mine'",
    "animation=1": "animation: expected true or false, got 1",
    "sampler.solver=heun": "sampler.solver is a group: write sampler/solver=heun",
    "likelihood=flow likelihood.divergence=exact": "likelihood.divergence is a group: write "
    "likelihood/divergence=exact",
    "+foo=1": f"foo: {_UNKNOWN}; list all keys with --cfg job",
}


@pytest.mark.parametrize("case", _TRAIN)
def test_composed_settings_of_training_are_known_and_fit(case):
    with pytest.raises(ValueError, match=f"^{re.escape(_TRAIN[case])}$"):
        config_of(*case.split())


@pytest.mark.parametrize("case", _SAMPLE)
def test_composed_settings_of_sampling_are_known_and_fit(case):
    with pytest.raises(ValueError, match=f"^{re.escape(_SAMPLE[case])}$"):
        config_of(*case.split(), name="sample")


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("train", "clip_norm=1 power_ema=100 label_dropout=0 ema=1 run_dir=a optimizer.lr=1"),
        ("train", "logger=wandb trainer=ddp trainer.devices=[0,1] +trainer.benchmark=true"),
        ("train", "interpolant=geometric_brownian interpolant.mu=1 +optimizer.weight_decay=1"),
        ("train", "task=neural_sde neural_sde.latent=2 context_length=3 neural_sde.control=null"),
        ("train", "sampler=sde sampler.epsilon=1 trainer.precision=bf16-mixed"),
        ("sample", "label=[1,0.5] weights=0.1 context_length=3 chunk_size=4 num_steps=7"),
        ("sample", "label=3 guidance=classifier_free trust=[mine] out=a stem=b"),
        ("sample", "label=dog"),
        ("train", "data=file data.path=x.csv data.sep=tab data.header=true data.integer=[age]"),
    ],
)
def test_composed_settings_that_fit_are_taken(name, overrides):
    config_of(*overrides.split(), name=name)


_COMMANDS = [path.stem for path in sorted(CONF.glob("*.yaml"))]


def _kinds(name):
    """Default of every setting in the yaml files of a command, beside what is known of it."""
    paths = [CONF / f"{name}.yaml", *(CONF.glob("task/*.yaml") if name == "train" else ())]
    found = [yaml.safe_load(path.read_text()) for path in paths]
    known = known_keys(name, [CONF]).settings
    return {key: (data[key], known[key]) for data in found for key in data if key in known}


@pytest.mark.parametrize("name", _COMMANDS)
def test_composed_settings_all_have_a_kind(name):
    for key, (default, kind) in _kinds(name).items():
        assert "any" not in kind.names, f"{key}: say its kind in _KINDS"
        if default is not None and "${" not in str(default):
            kind.check(key, default)


def test_composed_kinds_are_of_settings_that_exist():
    names = {key for name in _COMMANDS for key in known_keys(name, [CONF]).settings}
    assert set(_KINDS) <= names


def _user_file(folder, name, text):
    path = folder / "conf" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _said(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        start("train", arguments)
    assert stop.value.code == 1
    return capsys.readouterr().err


def test_composed_keys_of_a_users_experiment_are_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    glob = "# @package _global_\n"
    _user_file(tmp_path, "experiment/typo.yaml", f"{glob}max_step: 7\n")
    _user_file(tmp_path, "experiment/deep.yaml", f"{glob}net: {{hiden: 7}}\n")
    _user_file(tmp_path, "experiment/epochs.yaml", f"{glob}trainer: {{max_epochs: 7}}\n")
    assert f"max_step: {_UNKNOWN}; did you mean max_steps?" in _said(capsys, "experiment=typo")
    assert f"net.hiden: {_UNKNOWN}; did you mean net" in _said(capsys, "experiment=deep")
    told = "error: trainer.max_epochs: expected no such setting, got 7; use max_steps=\n"
    assert _said(capsys, "experiment=epochs") == told


def test_composed_keys_that_serve_by_interpolation_are_the_users_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _user_file(
        tmp_path,
        "experiment/width.yaml",
        "# @package _global_\nwidth: 7\nnet: {hidden: '${width}'}\n",
    )
    seen = []
    monkeypatch.setattr("interpolants.cli.train.main", lambda cfg: seen.append(cfg.net.hidden))
    start("train", ["experiment=width"])
    assert seen == [7]


def test_composed_keys_of_a_users_task_are_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _user_file(
        tmp_path, "task/mine.yaml", "# @package _global_\ndefaults: [interpolant]\nextra: 3\n"
    )
    seen = []
    monkeypatch.setattr("interpolants.cli.train.main", lambda cfg: seen.append(cfg.extra))
    start("train", ["task=mine", "extra=4"])
    assert seen == [4]
    assert f"extra: {_WHOLE} 'x'" in _said(capsys, "task=mine", "extra=x")


def test_composed_configuration_that_is_printed_is_checked_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    text = "# @package _global_\nmax_steps: ten\n"
    (tmp_path / "mine" / "experiment" / "typo.yaml").write_text(text)
    user = ["--config-dir", "mine", "experiment=typo"]
    for words in (["max_steps=ten"], ["+net.hiden=3"], user):
        assert _said(capsys, "--cfg", "job", *words).startswith("error: ")
    start("train", ["--cfg", "job", "data=file", "max_steps=7", "sampler=sde"])
    said = capsys.readouterr()
    assert "max_steps: 7" in said.out and said.err == ""
