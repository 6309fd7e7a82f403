"""Folders of runs, and checkpoints that they continue from."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.utils.checks import check
from interpolants.utils.ranks import Ranks

# Passes the run's location to processes that this one starts.
_VARIABLE = "INTERPOLANTS_RUN"

LAST = Path("checkpoints") / "last.ckpt"

# Settings that decide the course of training, with a task's parts between the two; the others may
# change when a run is continued.
_DATA = ("task", "data", "space")
_TRAINING = (
    "optimizer",
    "scheduler",
    "seed",
    "batch_size",
    "steps_per_batch",
    "clip_norm",
    "ema",
)


class RunLocation(NamedTuple):
    """Folder of a run, and the checkpoint to continue from, or None."""

    folder: Path
    checkpoint: Path | None


def locate_run(config: Mapping[str, Any], root: Path, parts: Sequence[str]) -> RunLocation:
    """Find the folder of a run and the checkpoint to continue from, without writing anything.

    Args:
        config: configuration with `name`, `run_dir`, `resume` and `ckpt`.
        root: parent of `outputs/`, or the job's folder in a sweep.
        parts: keys of the task's parts, which decide the course of training too.

    Raises:
        ValueError: if a checkpoint was made by another configuration, or a run would overwrite
            another.
    """
    resume, ckpt = config["resume"], config["ckpt"]
    check(resume in ("never", "auto"), "resume", "never or auto", resume, "or set ckpt=PATH")
    keys = (*_DATA, *parts, *_TRAINING)
    chosen = None if config["run_dir"] is None else Path(config["run_dir"])
    new = root / "outputs" / str(config["name"]) / run_stamp()
    if ckpt is not None:
        path = Path(ckpt)
        _check_course(config, keys, path)
        return RunLocation(_folder_for(path, chosen, new), path)
    if chosen is not None:
        exists = (chosen / LAST).exists()
        check(
            not exists or resume == "auto",
            "run_dir",
            "a folder without a run in it",
            str(chosen),
            "continue that run with resume=auto, or choose another folder",
        )
        return _continue(config, keys, chosen) if exists else RunLocation(chosen, None)
    if (new / LAST).exists():  # a requeued Slurm job
        return _continue(config, keys, new)
    if resume == "auto":
        for folder in newest_runs(root / "outputs" / str(config["name"])):
            saved = read_checkpoint(folder / LAST)["hyper_parameters"]["config"]
            if not list(_differences(config, saved, keys)):
                return RunLocation(folder, folder / LAST)
    return RunLocation(new, None)


def shared_location(find: Callable[[], RunLocation]) -> RunLocation:
    """Location of a run found by one process, sent to all.

    Processes started by another process get it from that one, those of `torchrun` from the first.

    Args:
        find: finds the location.

    Raises:
        ConnectionError: if another process ends before that.
    """
    announced = os.environ.get(_VARIABLE)
    if announced is not None:
        return _from_plain(announced)
    return _from_plain(Ranks.of_environment().first_finds(lambda: _plain(find())))


def _plain(location: RunLocation) -> str:
    checkpoint = None if location.checkpoint is None else str(location.checkpoint)
    return json.dumps([str(location.folder), checkpoint])


def _from_plain(text: str) -> RunLocation:
    folder, checkpoint = json.loads(text)
    return RunLocation(Path(folder), None if checkpoint is None else Path(checkpoint))


@contextmanager
def announced(location: RunLocation) -> Iterator[None]:
    """Context in which the location is passed to processes that this one starts."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = _plain(location)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def run_stamp() -> str:
    """Name of a new run: the time, or the ids of a Slurm job and step.

    These are known to all processes of the job, and do not change when it is requeued.
    """
    job, step = (os.environ.get(name, "") for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
    if job and step.isdigit():
        return f"slurm-{job}-{step}"
    return datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S_%f")[:-3]


def _folder_for(path: Path, chosen: Path | None, new: Path) -> Path:
    """Folder of a run that continues from the checkpoint `path`: its own, or a free one."""
    own = path.resolve().parent.parent if path.resolve().parent.name == LAST.parent.name else new
    folder = own if chosen is None else chosen
    check(
        folder.resolve() == own or not (folder / LAST).exists(),
        "run_dir",
        "a folder without a run in it, or that of ckpt",
        str(folder),
        "choose another folder",
    )
    return folder


def newest_runs(folder: Path) -> list[Path]:
    """Folders of runs at any depth below a folder, the newest last checkpoint first."""
    files = [file for file in folder.glob(f"**/{LAST}") if file.is_file()]
    files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    return [file.parent.parent for file in files]


def newest_checkpoint(folder: Path) -> Path:
    """Last checkpoint of the newest run below a folder.

    Raises:
        FileNotFoundError: if there is none.
    """
    runs = newest_runs(folder)
    if not runs:
        fix = "train a model first, or set ckpt=PATH"
        raise FileNotFoundError(f"ckpt: expected a trained run below {folder}/, got none; {fix}")
    return runs[0] / LAST


def _continue(config: Mapping[str, Any], keys: Sequence[str], folder: Path) -> RunLocation:
    path = folder / LAST
    _check_course(config, keys, path)
    return RunLocation(folder, path)


def _check_course(config: Mapping[str, Any], keys: Sequence[str], path: Path) -> None:
    saved = read_checkpoint(path, resume=True)["hyper_parameters"]["config"]
    for key, expected, got in _differences(config, saved, keys):
        check(
            False,
            key,
            f"{expected!r} as in {path}",
            got,
            "continue with the settings of that run, or start a new one",
        )


def _differences(
    config: Mapping[str, Any], saved: Mapping[str, Any], keys: Sequence[str]
) -> Iterable[tuple[str, Any, Any]]:
    for key in keys:
        yield from _compare(key, saved.get(key), config[key])


def _compare(key: str, expected: Any, got: Any) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in {**expected, **got}:
            # A run may be made longer, and its schedule with it.
            if name != "max_steps":
                yield from _compare(f"{key}.{name}", expected.get(name), got.get(name))
    elif expected != got:
        yield key, expected, got
