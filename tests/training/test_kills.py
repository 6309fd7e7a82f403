"""A run that is stopped again and again, by anything and at any moment, ends as one that was not.

`KILLS=40 pytest -m slow tests/training/test_kills.py` stops it forty times.
"""

import os
import random
import signal
import struct
import subprocess
import sys
import time

import pytest
from helpers.compose import ROOT, TINY
from helpers.same_run import _assert_same, assert_same_run
from helpers.scripts import environment, run_script
from helpers.waiting import LONGEST, wait_until
from helpers.wandb_file import _messages, of_kind, values

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST

pytestmark = pytest.mark.slow
_KILLS = int(os.environ.get("KILLS", "6"))
_RUN = [*TINY, "data=moons", "run_dir=run", "resume=auto", "logger=wandb", "power_ema=50"]
_RUN += ["steps_per_batch=5", "checkpoint_every=25", "validate_every=50", "sample_every=100000"]
_RUN += ["logger.wandb.log_model=false", "scheduler=constant", "log_every=2", "metric=[]"]
_STATUS = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGHUP: 129}


def _stop(folder, number, workers, delay):
    """Continue the run, and stop it some time after it has written a checkpoint."""
    last = folder / "run" / LAST
    before = last.stat().st_mtime_ns if last.exists() else 0
    command = [sys.executable, str(ROOT / "train.py"), *_RUN]
    errors = folder / "errors"
    with open(errors, "w") as file:  # a pipe would stay open as long as its workers live
        job = subprocess.Popen(
            [*command, "max_steps=1000000", f"workers={workers}"],
            cwd=folder,
            env=environment(),
            stderr=file,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup ignores it
        )
    try:
        wait_until(lambda: last.exists() and last.stat().st_mtime_ns > before, job)
        time.sleep(delay)
        if number == signal.SIGKILL:
            job.kill()  # its workers find out later
        else:
            os.killpg(job.pid, number)
        job.wait(timeout=LONGEST)
    finally:
        job.kill()
    assert job.returncode == _STATUS[number], errors.read_text()
    assert "error" not in errors.read_text().lower()


def test_run_stopped_at_random_moments_ends_as_one_that_was_not(tmp_path):
    chance, folder = random.Random(0), tmp_path / "stopped"
    folder.mkdir()
    stops = []
    for k in range(_KILLS):
        stops.append(chance.choice(list(_STATUS)))
        _stop(folder, stops[-1], k % 3, chance.uniform(0, 1))
    # Past all that a killed process has done, and in a shorter last batch.
    done = (folder / "run" / "checkpoints").glob("*.ckpt")
    end = max(read_checkpoint(file)["global_step"] for file in done) + 12
    (tmp_path / "whole").mkdir()
    for place in (folder, tmp_path / "whole"):
        done = run_script("train", place, *_RUN, f"max_steps={end}")
        assert done.returncode == 0, done.stderr
    runs = [place / "run" for place in (folder, tmp_path / "whole")]
    assert_same_run(*runs)
    powers = [read_checkpoint(run / LAST)["power_ema"]["weights"] for run in runs]
    _assert_same(*powers, "power_ema")
    (whole,) = _wandb_rows(runs[1])
    legs = _wandb_rows(runs[0])
    assert len(legs) == _KILLS + 1
    for leg in legs:
        for step, row in leg.items():
            assert all(whole[step][key] == value for key, value in row.items())
    for k, number in enumerate(stops):  # what was saved is not logged again
        later = [step for leg in legs[k + 1 :] for step in leg]
        assert number == signal.SIGKILL or max(legs[k]) < min(later)


def _wandb_rows(run):
    """Rows by wandb's step in each offline folder, the oldest first."""
    files = sorted(run.glob("wandb/offline-run-*/*.wandb"), key=lambda file: file.parent.name)
    return [_rows(file) for file in files]


def _rows(file):
    from wandb.proto.wandb_internal_pb2 import Record

    records = []
    try:
        for data in _messages(file.read_bytes()):
            record = Record()
            record.ParseFromString(data)
            records.append(record)
    except (AssertionError, struct.error):
        pass  # the end of a file whose process was killed
    rows = [values(row.item) for row in of_kind(records, "history")]
    return {
        row["_step"]: {k: v for k, v in row.items() if k[:4] in ("trai", "val/")} for row in rows
    }
