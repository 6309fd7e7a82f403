"""Names of new runs, of which there is one in the world."""

from __future__ import annotations

import datetime
import os
import re

_SLURM = "slurm-"
_STAMP = re.compile(rf"\d{{4}}-\d\d-\d\d_\d\d-\d\d-\d\d_\d{{6}}|{_SLURM}")


def run_stamp() -> str:
    """Name of a new run: the time, or the ids of a Slurm job and step.

    These are known to all processes of the job, and do not change when it is requeued.
    """
    job, step = (os.environ.get(name, "") for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
    if job and step.isdigit():
        return f"{_SLURM}{job}-{step}"
    return datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S_%f")


def is_stamp(name: str) -> bool:
    """True for the name of a run from `run_stamp`."""
    return _STAMP.match(name) is not None


def is_shared(stamp: str) -> bool:
    """True if other processes have the same stamp: tasks of one step, or a requeued job's last."""
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    return stamp.startswith(_SLURM) and (tasks > 1 or is_requeued())


def is_requeued() -> bool:
    """True if Slurm has requeued this job, which then continues."""
    return int(os.environ.get("SLURM_RESTART_COUNT", "0")) > 0
