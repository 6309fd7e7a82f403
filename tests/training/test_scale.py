"""Several processes train like one, and killed runs lose nothing."""

import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from helpers.compose import ROOT, TINY, leave_out_figures, run_folder, train_with
from helpers.scripts import environment, run_script
from helpers.train_and_save import save_averages
from helpers.waiting import LONGEST, wait_until

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST, RunLocation, announced, shared_location
from interpolants.checkpoint.stamp import run_stamp
from interpolants.training.ema import EMA
from interpolants.training.settings import check_sweep
from interpolants.utils.ranks import lost_processes

_RUN = [*TINY, "data=moons", "max_steps=12", "steps_per_batch=3", "log_every=1", "batch_size=24"]
_RUN += ["validate_every=6", "sample_every=6"]
_TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]


def _losses(run):
    """The logged losses, and norms of gradients."""
    lines = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    columns = [
        lines[0].index(name) for name in ("step", "train/loss", "val/loss", "train/gradient_norm")
    ]
    return [[float(row[c]) if row[c] else 0.0 for c in columns] for row in lines[1:]]


def _weights(run):
    content = read_checkpoint(run / LAST)
    return content["state_dict"] | {f"ema.{k}": v for k, v in content["ema"]["weights"].items()}


def _check_same(run, other, tolerance=1e-5):
    mine, theirs = torch.tensor(_losses(run)), torch.tensor(_losses(other))
    assert mine.shape == theirs.shape and len(mine) > 12
    assert torch.allclose(mine, theirs, atol=tolerance)
    weights = _weights(other)
    for name, weight in _weights(run).items():
        assert torch.allclose(weight, weights[name], atol=tolerance), name


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A run of one process."""
    folder = tmp_path_factory.mktemp("one")
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        patch.chdir(folder)
        return run_folder(train_with(folder, *_RUN))


def _check_both(one, folder):
    """Two processes have trained in the folder as one did, and have the same averages."""
    (run,) = (folder / "outputs" / "moons").iterdir()
    _check_same(one, run)
    first, second = (torch.load(folder / f"average_{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a process that uses CUDA cannot fork")
def test_two_processes_train_as_one_and_average_the_same(one, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(EMA, "on_train_end", save_averages)
    forked = [*_TWO, "trainer.strategy=ddp_fork", "accumulate=2"]
    assert train_with(tmp_path, *_RUN, *forked).metrics
    _check_both(one, tmp_path)


@pytest.mark.slow
def test_two_processes_of_torchrun_train_as_one_and_average_the_same(one, tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [
        *launcher,
        "--nproc-per-node=2",
        str(ROOT / "tests" / "helpers" / "train_and_save.py"),
    ]
    done = subprocess.run(
        [*command, *_RUN, *_TWO, "accumulate=2"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    _check_both(one, tmp_path)
    assert done.stdout.count("samples.npz") == 1  # one report, by the first process


@pytest.mark.slow
def test_processes_that_lightning_starts_share_the_run_folder(one, tmp_path):
    done = run_script("train", tmp_path, *_RUN, *_TWO)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "outputs" / "moons").iterdir()
    _check_same(one, run)
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


def test_batches_in_parts_and_from_workers_are_the_same(one, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    _check_same(one, run_folder(train_with(tmp_path, *_RUN, "accumulate=4", "workers=1")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "accumulate=5",
            r"batch_size: expected a multiple of devices x accumulate = 1 x 5, got 24",
        ),
        ("workers=-1", r"workers: expected a whole number >= 0, got -1"),
        ("accumulate=0", r"accumulate: expected a whole number > 0, got 0"),
    ],
)
def test_shares_that_are_none_are_refused_before_anything_is_written(
    change, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        train_with(tmp_path, *_RUN, change)
    assert not (tmp_path / "outputs").exists()


def test_sweeps_refuse_processes_that_would_run_the_whole_sweep(monkeypatch):
    bad = [{"strategy": "ddp", "devices": 2}, {"devices": "auto"}, {"devices": 1, "num_nodes": 2}]
    bad += [{"strategy": {"_target_": "lightning.pytorch.strategies.DDPStrategy"}, "devices": 2}]
    for trainer in bad:
        with pytest.raises(ValueError, match=r"trainer\.strategy: .* use trainer\.strategy=ddp_f"):
            check_sweep(trainer)
    for trainer in ({"devices": 1}, {"strategy": "ddp_fork", "devices": 2}):
        check_sweep(trainer)
    monkeypatch.setenv("SLURM_NTASKS", "2")
    check_sweep(bad[0])


def test_a_run_is_named_by_the_time_by_slurm_or_by_who_started_the_process(tmp_path, monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_STEP_ID", "INTERPOLANTS_RUN", "RANK"):
        monkeypatch.delenv(name, raising=False)
    assert not run_stamp().startswith("slurm")
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    assert run_stamp() == "slurm-71-0"
    place, other = (
        RunLocation(tmp_path / "a", tmp_path / "a.ckpt"),
        RunLocation(tmp_path / "b", None),
    )
    for location in (place, other):
        with announced(location):
            assert shared_location(pytest.fail) == location
    assert shared_location(lambda: other) == other


def test_a_lost_process_is_told_in_one_sentence():
    with pytest.raises(ConnectionError, match="another process of this run ended"):
        with lost_processes(2):
            raise RuntimeError("[gloo/transport/tcp/pair.cc] Connection reset by peer")
    for count, text in ((1, "gloo"), (2, "size mismatch")):
        with pytest.raises(RuntimeError, match=text), lost_processes(count):
            raise RuntimeError(text)


def _start(folder, *overrides):
    command = [sys.executable, str(ROOT / "train.py"), *overrides]
    return subprocess.Popen(
        command, cwd=folder, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )


_LONG = [*TINY, "run_dir=run", "resume=auto", "sample_every=100000", "validate_every=100000"]


@pytest.mark.slow
def test_a_killed_process_ends_the_job_and_the_checkpoint_resumes(tmp_path):
    overrides = [*_LONG, *_TWO, "max_steps=1000000", "checkpoint_every=10", "steps_per_batch=5"]
    job = _start(tmp_path, *overrides)
    try:
        wait_until((tmp_path / "run" / LAST).is_file, job)
        children = subprocess.run(
            ["pgrep", "-P", str(job.pid)], capture_output=True, text=True
        ).stdout.split()
        subprocess.run(["kill", "-9", children[0]], check=True)
        _, err = job.communicate(timeout=LONGEST)
    finally:
        job.kill()
    assert job.returncode != 0
    assert b"another process of this run ended" in err
    step = read_checkpoint(tmp_path / "run" / LAST)["global_step"]
    more = [*overrides, f"max_steps={step + 10}"]
    done = run_script("train", tmp_path, *more)
    assert done.returncode == 0, done.stderr
    assert read_checkpoint(tmp_path / "run" / LAST)["global_step"] == step + 10


@pytest.mark.slow
def test_a_run_killed_at_any_moment_ends_as_one_that_was_not(tmp_path, monkeypatch):
    """It writes a checkpoint after every step, so that many of the moments are within that."""
    kills, steps = 20, 3000
    run = [*_LONG, f"max_steps={steps}", "steps_per_batch=1", "data=moons", "batch_size=16"]
    leave_out_figures(monkeypatch)
    (tmp_path / "whole").mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    train_with(tmp_path / "whole", *run, "checkpoint_every=1000000")
    folder, moments = tmp_path / "killed", random.Random(0)
    folder.mkdir()
    last, reached = folder / "run" / LAST, []
    for _ in range(kills):
        before = last.stat().st_mtime_ns if last.is_file() else 0
        job = _start(folder, *run, "checkpoint_every=1")
        wait_until(lambda b=before: last.is_file() and last.stat().st_mtime_ns > b, job)
        time.sleep(moments.uniform(0, 0.5))
        job.send_signal(signal.SIGKILL)
        job.communicate()
        assert job.returncode == -signal.SIGKILL
        reached.append(read_checkpoint(last)["global_step"])
    assert reached == sorted(reached) and reached[-1] < steps
    done = run_script("train", folder, *run, "checkpoint_every=1000000")
    assert done.returncode == 0, done.stderr
    mine, whole = (read_checkpoint(f / "run" / LAST) for f in (folder, tmp_path / "whole"))
    for key in ("state_dict", "ema", "optimizer_states", "lr_schedulers"):
        assert _equal(mine[key], whole[key]), key
    logs = [(f / "run" / "metrics.csv").read_text() for f in (folder, tmp_path / "whole")]
    assert logs[0] == logs[1]
    assert not list((folder / "run" / "checkpoints").glob(".*"))


def _equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_equal, a, b))
    return a == b
