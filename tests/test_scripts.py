"""The two scripts, end to end, in processes of their own."""

import json
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from helpers.compose import (
    ROOT,
    TINY,
    first_infinite_weight,
    leave_out_figures,
    sample_with,
    train_with,
    write_user_files,
)
from helpers.scripts import environment, files_in, run_here, run_many, runs_in
from helpers.waiting import LONGEST, wait_until

import interpolants
from interpolants.checkpoint.reading import read_checkpoint

# Runs a script, then prints what it has loaded, whatever way it ended.
_LOADED = """
import atexit, runpy, sys
atexit.register(lambda: print(*sys.modules, file=open("modules", "w")))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


_WRONG = {
    "net.hiden=16": "net.hiden: expected an existing key, got an unknown one; did you mean "
    "net.hidden?",
    "max_steps=ten": "max_steps: expected a whole number, got 'ten'",
}


@pytest.mark.parametrize(
    ("script", "arguments", "status", "start"),
    [
        ("train", ["--help"], 0, "interpolants train "),
        ("train", ["--cfg", "job"], 0, "name: ${hydra:runtime.choices.data}\nseed: 0\n"),
        ("train", ["net.hiden=16"], 1, ""),
        ("train", ["max_steps=ten"], 1, ""),
        ("sample", ["--help"], 0, "interpolants sample "),
    ],
    ids=["help", "cfg", "misspelt", "wrong value", "help of sample"],
)
def test_scripts_answer_at_once_and_write_nothing(script, arguments, status, start, tmp_path):
    command = [sys.executable, "-c", _LOADED, str(ROOT / f"{script}.py"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == status
    assert done.stdout.startswith(start)
    if status:
        assert done.stderr == f"error: {_WRONG[arguments[0]]}\n"
    assert files_in(tmp_path) == ["modules"]
    # These take seconds to load, and the rest a fraction of one.
    loaded = (tmp_path / "modules").read_text().split()
    assert {"interpolants.cli.run"} <= set(loaded)
    assert not {"torch", "lightning", "numpy", "matplotlib", "wandb"} & set(loaded)


_SAMPLERS = {
    "ode": ["num_steps=8"],
    "sde": ["sampler=sde", "num_steps=8"],
    "backward": ["sampler=backward", "num_steps=8"],
    "ode_backward": ["sampler=ode_backward", "num_steps=8"],
    "no metrics": ["metric=[]", "out=no_metrics", "num_steps=8"],
    "heun": ["sampler/solver=heun", "num_steps=8"],
    "maruyama": ["sampler=sde", "sampler/solver=euler_maruyama", "num_steps=8"],
    "epsilon": ["sampler=sde", "sampler.epsilon=0.1", "num_steps=8"],
    "raw": ["weights=raw", "num_steps=8"],
    "elsewhere": ["out=elsewhere", "n=32", "num_steps=8"],
}
# Calls of the network over 8 steps. Each process ends with one step to the end of time.
_NFE = {"heun": 16, "sde": 8, "backward": 16, "maruyama": 8, "epsilon": 8}
_ELSEWHERE = ("elsewhere", "no metrics")


# A weight that is infinite at the smallest times, one of which comes up after some steps.
_DIVERGING = ["train", *TINY, "run_dir=diverged", "max_steps=40", "validate_every=40"]
_DIVERGING += ["sample_every=40", "weight=power", "weight.a=-12"]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """A trained run, and every way to sample it."""
    folder = tmp_path_factory.mktemp("sampled")
    lines = [
        ["sample", "n=200", f"stem={'ode' if name in _ELSEWHERE else name}", *arguments]
        for name, arguments in _SAMPLERS.items()
    ]
    alone = ["train", *TINY, "metric=[]", "run_dir=alone"]
    train, *done, without, diverged = run_here(
        folder, [["train", *TINY], *lines, alone, _DIVERGING]
    )
    assert (train.status, train.complaints) == (0, "")
    (run,) = runs_in(folder / "outputs")
    return (
        folder,
        run,
        dict(zip(_SAMPLERS, done, strict=True))
        | {
            "not finite": diverged,
            "trained alone": without,
        },
    )


def _named(run):
    """Line on stderr of a command without `ckpt=`."""
    place = run.relative_to(run.parents[2]) / "checkpoints/last.ckpt"
    return f"ckpt: {place}, of the run that trained last\n"


@pytest.mark.parametrize("name", [name for name in _SAMPLERS if name not in _ELSEWHERE])
def test_scripts_sample_a_trained_run(name, sampled):
    folder, run, done = sampled
    assert (done[name].status, done[name].err) == (0, _named(run))
    x = np.load(run / "samples" / f"{name}.npz")["x"]
    assert x.shape == (200, 2) and np.isfinite(x).all()
    content = json.loads((run / "samples" / f"{name}.json").read_text())
    assert set(content["metrics"]) == {"energy_distance", "sliced_wasserstein"}
    assert all(m["value"] > 0 and m["floor"] > 0 for m in content["metrics"].values())
    assert content["n"] == content["compared"] == 200 and content["seconds"] > 0
    assert _NFE.get(name, 32) <= content["nfe"] <= _NFE.get(name, 32) + 1
    (first, head, *_, picture) = done[name].out.splitlines()
    weights = "raw" if name == "raw" else "ema"
    assert (
        first == f"{(run / 'checkpoints' / 'last.ckpt').relative_to(folder)} ({weights} weights)"
    )
    assert head.split() == ["metric", "value", "floor"]
    assert picture.endswith(f"{name}_snapshots.png") and (folder / picture).is_file()


def test_scripts_sampling_differs_by_process_weights_and_epsilon(sampled):
    _, run, _ = sampled
    names = ("ode", "sde", "epsilon", "maruyama", "raw", "backward", "ode_backward")
    x = {name: np.load(run / "samples" / f"{name}.npz")["x"] for name in names}
    for i, name in enumerate(names):
        assert all(not np.allclose(x[name], x[other]) for other in names[:i])


def test_scripts_sampling_writes_where_it_is_told(sampled):
    folder, _, done = sampled
    assert done["elsewhere"].status == 0
    assert len(np.load(folder / "elsewhere" / "ode.npz")["x"]) == 32


def test_scripts_sampling_without_metrics_writes_and_lists_the_rest(sampled):
    folder, run, done = sampled
    assert (done["no metrics"].status, done["no metrics"].err) == (0, _named(run))
    assert "\n200 samples (0 compared)" in done["no metrics"].out
    assert json.loads((folder / "no_metrics" / "ode.json").read_text())["metrics"] == {}


def test_scripts_train_without_metrics(sampled):
    _, _, done = sampled
    assert (done["trained alone"].status, done["trained alone"].complaints) == (0, "")
    assert done["trained alone"].out.startswith("32 samples (0 compared)")


@pytest.mark.slow
def test_scripts_sweep_is_resumed_in_folders_that_tell_its_jobs_apart(tmp_path):
    lost = ["train", "-m", *TINY, "seed=0,1", "resume=auto"]
    sweep = [*lost, "run_dir=outputs/seeds/${seed}", "scheduler=constant"]
    refused, first, second = run_many(tmp_path, [lost, sweep, [*sweep, "max_steps=6"]])
    assert refused.status == 1 and refused.out == ""
    told = "resume: expected never in a sweep without run_dir, got 'auto'; set run_dir to a folder"
    assert all(f"error: job {k} (" in refused.err for k in (0, 1)) and told in refused.err
    assert (first.status, second.status) == (0, 0)
    runs = runs_in(tmp_path)
    assert runs == [tmp_path / "outputs" / "seeds" / name for name in ("0", "1")]
    for seed, run in enumerate(runs):
        content = read_checkpoint(run / "checkpoints" / "last.ckpt")
        assert content["global_step"] == 6
        assert content["hyper_parameters"]["config"]["seed"] == seed


def test_scripts_sweep_trains_each_job_in_a_folder_of_its_own(tmp_path):
    (done,) = run_here(tmp_path, [["train", "-m", "interpolant=linear,trigonometric", *TINY]])
    assert done.status == 0 and "error" not in done.err
    assert f"\n{done.out}".count("\nmetric ") == done.out.count("\nenergy_distance ") == 2
    assert re.search(r"\nrun +interpolant +energy_distance ", done.out)  # what differs, alone
    assert "\n0_interpolant_linear " in done.out and "\n1_interpolant_trigonometric " in done.out
    runs = runs_in(tmp_path)
    assert len(runs) == 2
    configs = [
        read_checkpoint(run / "checkpoints" / "last.ckpt")["hyper_parameters"]["config"]
        for run in runs
    ]
    stems = [config["interpolant"]["_target_"].split(".")[-2] for config in configs]
    assert stems == ["linear", "trigonometric"]
    assert all(len(list((run / "samples").glob("*.png"))) == 3 for run in runs)


def test_scripts_stop_at_a_loss_that_is_not_finite(sampled):
    folder, _, done = sampled
    status, _, err = done["not finite"]
    assert status == 1
    step, low = first_infinite_weight(-12.0)
    told = rf"error: the loss is -?(nan|inf) at step {step}, with times t in \[{low:.4g}, "
    first, told_here, _ = err.split("\n")
    assert first == "run: diverged" and re.match(told, told_here)
    last = "diverged/checkpoints/last.ckpt"
    assert f"; the last good checkpoint is {last}; lower the learning rate" in err
    model = interpolants.load(folder / last)
    assert all(p.isfinite().all() for p in model.fields.parameters())


_LONG = ["max_steps=1000000", "checkpoint_every=1000000", "validate_every=100000"]


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 1, marks=pytest.mark.slow)],
)
def test_scripts_stopped_by_a_signal_leave_a_run_to_resume(number, status, tmp_path, monkeypatch):
    overrides = [*TINY, *_LONG, "sample_every=100000", "scheduler=constant"]
    command = [sys.executable, str(ROOT / "train.py"), *overrides]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE)
    try:
        wait_until(lambda: _has_rows(tmp_path), process)
        process.send_signal(number)
        _, err = process.communicate(timeout=LONGEST)
    finally:
        process.kill()
    assert process.returncode == status
    assert b"Traceback" not in err
    (run,) = runs_in(tmp_path)
    last = run / "checkpoints" / "last.ckpt"
    step = read_checkpoint(last)["global_step"]
    assert step > 0
    interpolants.load(last)
    leave_out_figures(monkeypatch)
    train_with(tmp_path, *overrides, f"max_steps={step + 2}", "resume=auto")
    assert runs_in(tmp_path) == [run]
    assert read_checkpoint(last)["global_step"] == step + 2


def _has_rows(folder):
    return any(len(file.read_text().splitlines()) > 1 for file in folder.rglob("metrics.csv"))


@pytest.mark.parametrize(
    ("overrides", "shape"),
    [
        (["data=file", "data.path=rows.csv"], (3,)),
        (["data=digits"], (1, 8, 8)),
        (["data=table", "data.name=iris"], (4,)),
    ],
    ids=["a user's csv", "digits", "table"],
)
def test_scripts_take_data_by_overrides_alone(overrides, shape, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    write_user_files(tmp_path)
    for more in ([], ["max_steps=8", "resume=auto"]):
        train_with(tmp_path, *overrides, *more)
    sample_with("n=50", "out=drawn")
    (run,) = runs_in(tmp_path)
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"] == 8
    assert np.load(tmp_path / "drawn" / "ode.npz")["x"].shape == (50, *shape)
