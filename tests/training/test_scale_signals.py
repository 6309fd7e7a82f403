"""Signals to several processes, and requeued jobs."""

import os
import signal
import stat
import subprocess
import sys

import pytest
from helpers.compose import ROOT, TINY
from helpers.same_run import assert_same_run
from helpers.scripts import environment, run_script
from helpers.tiny import Tiny, fit
from helpers.waiting import LONGEST, wait_until
from lightning.pytorch.utilities.exceptions import SIGTERMException

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.training import interrupt
from interpolants.training.distributed import distributed_training
from interpolants.training.interrupt import GracefulInterrupt

_TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
_RUN = [*TINY, "data=moons", "run_dir=run", "resume=auto", "steps_per_batch=5", *_TWO]
_RUN += ["validate_every=100000", "sample_every=100000", "checkpoint_every=100000"]
_RUN += ["scheduler=constant"]


def _children(process):
    done = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return [int(line) for line in done.stdout.split()]


def _started(folder, *overrides, command=(), **changes):
    """A job that has logged its first losses."""
    line = [sys.executable, *command, str(ROOT / "train.py"), *overrides]
    job = subprocess.Popen(
        line, cwd=folder, env=environment(**changes), stderr=subprocess.PIPE, text=True
    )
    log = folder / "run" / "metrics.csv"
    wait_until(lambda: log.is_file() and log.read_text().count("\n") > 2, job)
    return job


def _end(job):
    try:
        return job.communicate(timeout=LONGEST)[1]
    finally:
        job.kill()


@pytest.mark.slow
@pytest.mark.parametrize("to", ["the first", "the second"])
def test_a_signal_to_one_of_two_processes_stops_both_at_one_step(to, tmp_path):
    job = _started(tmp_path, *_RUN, "max_steps=1000000", "log_every=5")
    os.kill(job.pid if to == "the first" else _children(job)[0], signal.SIGTERM)
    err = _end(job)
    assert job.returncode == 143, err
    assert "Traceback" not in err and "error" not in err
    content = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    step = content["global_step"]
    assert step > 0 and step % 5 == 0
    if to == "the second":
        more = [*_RUN, "log_every=5", f"max_steps={step + 20}"]
        for folder, line in ((tmp_path, more), (tmp_path / "whole", more)):
            folder.mkdir(exist_ok=True)
            done = run_script("train", folder, *line)
            assert done.returncode == 0, done.stderr
        stopped, whole = (
            read_checkpoint(f / "run" / "checkpoints" / "last.ckpt")
            for f in (tmp_path, tmp_path / "whole")
        )
        for name, weight in whole["state_dict"].items():
            assert weight.equal(stopped["state_dict"][name])


@pytest.mark.slow
def test_torchrun_passes_the_signal_on_and_every_process_leaves_in_time(tmp_path):
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    job = _started(tmp_path, *_RUN, "max_steps=1000000", "log_every=5", command=launcher)
    job.send_signal(signal.SIGTERM)
    _end(job)
    # Its own status, for any status of its processes.
    assert job.returncode != 0
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] > 0


@pytest.mark.slow
def test_a_loss_of_two_processes_that_is_not_finite_is_told_once(tmp_path):
    run = [*_RUN, "max_steps=40", "log_every=5", "weight=power", "weight.a=-12"]
    done = run_script("train", tmp_path, *run)
    assert done.returncode == 1
    assert done.stderr.count("error: the loss is ") == 1
    assert done.stderr.startswith("run: run\nerror: ") and done.stderr.count("\n") == 2


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of 60 steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    fit(folder, 60)
    return folder


def _signal_at(step, number):
    def hook(now):
        if now == step:
            os.kill(os.getpid(), number)

    return hook


class _Alone:
    """What `distributed_training` asks of a trainer, for one process."""

    world_size, global_rank, strategy = 1, 0, None


def _stopped(folder, number):
    """Stop at step 17 by a signal; what was then called to queue the job anew."""
    stopper = GracefulInterrupt()
    with pytest.raises(SIGTERMException), distributed_training(_Alone(), [stopper]):
        fit(folder, 60, Tiny(hook=_signal_at(17, number)), [*_others(), stopper])


def _others():
    from interpolants.training.ema import EMA
    from interpolants.training.guard import NonFiniteGuard

    return [NonFiniteGuard(), EMA(decay=0.9)]


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_job_of_slurm_is_queued_anew_once_it_is_saved(number, whole, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n(ls {tmp_path}/run; echo $@) > {tmp_path}/calls\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    _stopped(tmp_path / "run", number)
    calls = (tmp_path / "calls").read_text().split("\n")
    assert "last.ckpt" in calls and "requeue 12_3" in calls
    assert read_checkpoint(tmp_path / "run" / "last.ckpt")["global_step"] == 20
    fit(tmp_path / "run", 60, resume=tmp_path / "run" / "last.ckpt")
    assert_same_run(tmp_path / "run", whole, ".")


def test_handler_that_an_earlier_run_left_does_not_keep_a_job_from_its_queue(
    tmp_path, monkeypatch
):
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $@ > {tmp_path}/calls\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    before = signal.signal(signal.SIGUSR1, GracefulInterrupt()._on_signal)
    try:
        _stopped(tmp_path / "run", signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (tmp_path / "calls").read_text() == "requeue 12\n"


def test_who_listened_before_queues_the_job_anew_and_listens_again(tmp_path, monkeypatch):
    heard = []

    def listen(number, frame):
        heard.append((number, (tmp_path / "last.ckpt").is_file()))

    monkeypatch.setenv("SLURM_JOB_ID", "12")
    before = signal.signal(signal.SIGUSR2, listen)
    try:
        _stopped(tmp_path, signal.SIGUSR2)
        assert heard == [(signal.SIGUSR2, True)]
        assert signal.getsignal(signal.SIGUSR2) is listen
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_job_that_slurm_does_not_know_just_ends(tmp_path, monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(interrupt.subprocess, "run", pytest.fail)
    _stopped(tmp_path, signal.SIGUSR1)
    assert read_checkpoint(tmp_path / "last.ckpt")["global_step"] == 20
