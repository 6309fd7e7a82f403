"""Runs stopped by a signal or an error leave a checkpoint and resume exactly."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.same_run import assert_same_run
from helpers.tiny import CHUNK, Tiny, equal, fit, raw_of
from helpers.waiting import LONGEST, wait_until
from lightning.pytorch.utilities.exceptions import SIGTERMException

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.data.moons import Moons
from interpolants.training.checkpoint_io import AtomicCheckpointIO
from interpolants.training.interrupt import HangUpException
from interpolants.training.stream import StepStream


def send(number, at):
    """A hook that sends this process a signal at step `at`, once."""
    sent: list[int] = []

    def hook(*where):
        if (where[0] if len(where) == 1 else where) == at and not sent:
            sent.append(1)
            os.kill(os.getpid(), number)

    return hook


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run of 60 steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    fit(folder, 60)
    return folder


@pytest.mark.parametrize(
    ("number", "stop"),
    [
        (signal.SIGINT, SystemExit),
        (signal.SIGTERM, SIGTERMException),
        (signal.SIGHUP, HangUpException),
    ],
)
@pytest.mark.parametrize("at", [7, 17, (20, 1)])
def test_resume_after_a_signal_equals_the_undisturbed_run(tmp_path, whole, number, stop, at):
    hook = send(number, at)
    module = Tiny(validation_hook=hook) if isinstance(at, tuple) else Tiny(hook=hook)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(stop):
        fit(tmp_path, 60, module)
    assert signal.getsignal(signal.SIGINT) == before
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint["global_step"] == (10 if at == 7 else 20)
    assert equal(raw_of(checkpoint), module.seen[-1])
    fit(tmp_path, 60, resume=tmp_path / "last.ckpt")
    assert_same_run(tmp_path, whole, ".")


def test_ctrl_c_in_the_last_chunk_still_runs_the_last_validation(tmp_path, whole):
    with pytest.raises(SystemExit):
        fit(tmp_path, 60, Tiny(hook=send(signal.SIGINT, 57)))
    assert_same_run(tmp_path, whole, ".")


def test_resume_after_an_error_within_a_chunk_starts_from_the_last_whole_save(tmp_path, whole):
    def fail(step):
        if step == 33:
            raise KeyError("step")

    with pytest.raises(KeyError, match="step"):
        fit(tmp_path, 60, Tiny(hook=fail))
    assert read_checkpoint(tmp_path / "last.ckpt")["global_step"] == 20
    fit(tmp_path, 60, resume=tmp_path / "last.ckpt")
    assert_same_run(tmp_path, whole, ".")


def test_resume_of_a_finished_run_to_more_steps_equals_one_long_run(tmp_path, whole):
    fit(tmp_path, 35)
    assert read_checkpoint(tmp_path / "last.ckpt")["global_step"] == 35
    fit(tmp_path, 60, resume=tmp_path / "last.ckpt")
    assert_same_run(tmp_path, whole, ".")


def test_last_checkpoint_is_written_once_per_interval_that_chunks_step_over(tmp_path, monkeypatch):
    saved: list[tuple[str, int]] = []
    write = AtomicCheckpointIO.save_checkpoint

    def record(self, checkpoint, path, storage_options=None):
        saved.append((Path(path).name, checkpoint["global_step"]))
        write(self, checkpoint, path, storage_options)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", record)
    fit(tmp_path, 45, every=12)
    assert [step for name, step in saved if name == "last.ckpt"] == [15, 25, 40, 45]
    assert {path.name for path in tmp_path.iterdir()} == {"best.ckpt", "last.ckpt", "metrics.csv"}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
def test_process_stopped_by_a_signal_leaves_a_checkpoint_and_says_so(tmp_path, number, status):
    code = f"from helpers import tiny; tiny.train_for_ever({str(tmp_path)!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until((tmp_path / "started").exists, process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=LONGEST)
    finally:
        process.kill()
    assert process.returncode == status, errors
    assert ("finishing this step" in errors) == (number == signal.SIGINT)
    assert "train:" not in errors, "the progress line is for terminals only"
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint["global_step"] >= 50 and checkpoint["global_step"] % CHUNK == 0
    assert checkpoint["ema"]["last_step"] == checkpoint["global_step"]


def test_a_run_under_nohup_goes_on(tmp_path, whole):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        fit(tmp_path, 60, Tiny(hook=send(signal.SIGHUP, 17)))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert_same_run(tmp_path, whole, ".")


def test_workers_go_on_after_signals_to_all_and_end_when_their_parent_asks():
    options = {"batch_size": 4, "seed": 0, "steps_per_batch": 2, "max_steps": 100}
    chunks = [iter(StepStream(Moons(), next_step=int, workers=w, **options)) for w in (0, 1)]
    expected, first = [next(each) for each in chunks]
    (worker,) = multiprocessing.active_children()
    for name in ("INT", "HUP", "TERM", "USR1", "USR2"):
        # By a process that is not its parent.
        subprocess.run(["kill", f"-{name}", str(worker.pid)], check=True)
    for _ in range(10):
        assert equal([step.batch.x1 for step in expected], [step.batch.x1 for step in first])
        expected, first = [next(each) for each in chunks]
    worker.terminate()
    wait_until(lambda: not worker.is_alive())
    assert worker.exitcode == 0
