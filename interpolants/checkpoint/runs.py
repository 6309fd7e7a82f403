"""Where a run lives, and which checkpoint it continues from."""

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

# Where a process tells those that it starts which run they belong to.
_VARIABLE = "INTERPOLANTS_RUN"

LAST = Path("checkpoints") / "last.ckpt"

# What decides the course of training, with a task's own parts between the two; the rest may change
# when a run is continued.
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
    """A run's folder, and the checkpoint to continue from or None."""

    folder: Path
    checkpoint: Path | None


def locate_run(config: Mapping[str, Any], root: Path, parts: Sequence[str]) -> RunLocation:
    """The folder of this run, and what it continues from; nothing is written.

    Args:
        config: has `name`, `run_dir`, `resume` and `ckpt`, and the course of training.
        root: where `outputs/` is, or the job's own folder in a sweep.
        parts: keys of the task's own parts, which decide the course of training too.

    Raises:
        ValueError: if a checkpoint was made by another configuration, or a run would overwrite
            another.
    """
    resume, ckpt = config["resume"], config["ckpt"]
    check(resume in ("never", "auto"), "resume", "never or auto", resume, "or set ckpt=PATH")
    keys = (*_DATA, *parts, *_TRAINING)
    given = None if config["run_dir"] is None else Path(config["run_dir"])
    new = root / "outputs" / str(config["name"]) / run_stamp()
    if ckpt is not None:
        path = Path(ckpt)
        _check_course(config, keys, path)
        return RunLocation(_folder_for(path, given, new), path)
    if given is not None:
        exists = (given / LAST).exists()
        check(
            not exists or resume == "auto",
            "run_dir",
            "a folder without a run in it",
            str(given),
            "continue that run with resume=auto, or choose another folder",
        )
        return _continue(config, keys, given) if exists else RunLocation(given, None)
    if (new / LAST).exists():  # the same job of Slurm, queued anew
        return _continue(config, keys, new)
    if resume == "auto":
        for folder in newest_runs(root / "outputs" / str(config["name"])):
            saved = read_checkpoint(folder / LAST)["hyper_parameters"]["config"]
            if not list(_differences(config, saved, keys)):
                return RunLocation(folder, folder / LAST)
    return RunLocation(new, None)


def shared_location(find: Callable[[], RunLocation]) -> RunLocation:
    """The place that one process finds, for all processes of a run.

    Processes that another one started are told by it; those of `torchrun` by the first of them.

    Args:
        find: finds the place.

    Raises:
        ConnectionError: if another process ends before that.
    """
    told = os.environ.get(_VARIABLE)
    if told is not None:
        return _from_plain(told)
    return _from_plain(Ranks.of_environment().first_finds(lambda: _plain(find())))


def _plain(place: RunLocation) -> str:
    checkpoint = None if place.checkpoint is None else str(place.checkpoint)
    return json.dumps([str(place.folder), checkpoint])


def _from_plain(text: str) -> RunLocation:
    folder, checkpoint = json.loads(text)
    return RunLocation(Path(folder), None if checkpoint is None else Path(checkpoint))


@contextmanager
def announced(place: RunLocation) -> Iterator[None]:
    """A stretch in which processes that this one starts are told of the run."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = _plain(place)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def run_stamp() -> str:
    """The name of a new run: the time, or the step of a Slurm job, which all its processes know
    and which stays when the job is requeued."""
    job, step = (os.environ.get(name, "") for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
    if job and step.isdigit():
        return f"slurm-{job}-{step}"
    return datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S_%f")[:-3]


def _folder_for(path: Path, given: Path | None, new: Path) -> Path:
    """Where a run continued from the checkpoint `path` goes on: its own folder, or a free one."""
    own = path.resolve().parent.parent if path.resolve().parent.name == LAST.parent.name else new
    folder = own if given is None else given
    check(
        folder.resolve() == own or not (folder / LAST).exists(),
        "run_dir",
        "a folder without a run in it, or that of ckpt",
        str(folder),
        "choose another folder",
    )
    return folder


def newest_runs(folder: Path) -> list[Path]:
    """Runs at any depth below a folder, the one with the newest last checkpoint first."""
    files = [file for file in folder.glob(f"**/{LAST}") if file.is_file()]
    files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    return [file.parent.parent for file in files]


def newest_checkpoint(folder: Path) -> Path:
    """The last checkpoint of the newest run below a folder.

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
    saved = read_checkpoint(path)["hyper_parameters"]["config"]
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
            # A run may be made longer; its schedule then follows.
            if name != "max_steps":
                yield from _compare(f"{key}.{name}", expected.get(name), got.get(name))
    elif expected != got:
        yield key, expected, got
