"""Folders of runs, and checkpoints that they continue from."""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from interpolants.checkpoint.course import check_course, course_keys, differences, split_changes
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.stamp import is_requeued, is_shared, is_stamp, run_stamp
from interpolants.utils.checks import check
from interpolants.utils.format import check_format
from interpolants.utils.locks import SoleUser
from interpolants.utils.log import to_stderr
from interpolants.utils.ranks import Ranks
from interpolants.utils.tensor_files import load_tensors

# Passes the run's location to processes that this one starts.
_VARIABLE = "INTERPOLANTS_RUN"

LAST = Path("checkpoints") / "last.ckpt"


def checkpoint_at(path: Path) -> Path:
    """The last checkpoint of a run, if a path is its folder; else the path itself."""
    return path / LAST if (path / LAST).is_file() else path


def announced_location() -> RunLocation | None:
    """Location of the run that the process which started this one found."""
    text = os.environ.get(_VARIABLE)
    return None if text is None else _from_plain(text)


class RunLocation(NamedTuple):
    """Location of a run.

    Attributes:
        folder: its folder.
        checkpoint: the checkpoint to continue from, or None.
        run_id: name by which loggers know it. It stays when the run is continued in its folder,
            and no other run has it, even one in a folder of the same name.
    """

    folder: Path
    checkpoint: Path | None
    run_id: str = ""

    def first_step(self, max_steps: int) -> int:
        """Step that training to `max_steps` begins with; 0 without a checkpoint.

        Raises:
            ValueError: if the checkpoint is of a later step than `max_steps`, or a new run would
                overwrite one.
        """
        if self.checkpoint is None:
            _check_new(
                self.folder, "another process has just trained there; choose another folder"
            )
            return 0
        step: int = _glance(self.checkpoint)["global_step"]
        rule = f"at least {step}, the steps that {self.checkpoint} was trained for"
        fix = "a run can be made longer, not shorter; start a new one for fewer steps"
        check(max_steps >= step, "max_steps", rule, max_steps, fix)
        return step

    @property
    def end(self) -> Path:
        """File that is there if the run has ended with its report, and names its last step."""
        return self.folder / "finished"

    def owner(self) -> SoleUser:
        """Context in which this process alone trains in the folder."""
        what = f"run_dir: expected a folder that no other process trains in, got {self.folder}"
        return SoleUser(self.folder / ".lock", what, "wait for it, or choose another folder")


def locate_run(
    config: Mapping[str, Any],
    root: Path,
    parts: Sequence[str],
    checkpoint: Path | None = None,
) -> RunLocation:
    """Find the folder of a run and the checkpoint to continue from, without writing anything.

    A run is continued if `ckpt` or `resume` asks for it, or if Slurm has requeued its job.

    Args:
        config: configuration with `name`, `run_dir`, `resume`, `ckpt` and `change`.
        root: parent of `outputs/`, or the job's folder in a sweep.
        parts: keys of the task's parts, which decide the course of training too.
        checkpoint: the checkpoint, if it is known already.

    Raises:
        ValueError: if a checkpoint was made by another configuration, or a run would overwrite
            another.
    """
    found = _find_run(config, root, parts, checkpoint)
    return found._replace(run_id=_run_id(found))


def _find_run(
    config: Mapping[str, Any],
    root: Path,
    parts: Sequence[str],
    checkpoint: Path | None = None,
) -> RunLocation:
    resume, ckpt = config["resume"], checkpoint or config["ckpt"]
    check(resume in ("never", "auto"), "resume", "never or auto", resume, "or set ckpt=PATH")
    keys = course_keys(parts)
    chosen = None if config["run_dir"] is None else Path(config["run_dir"])
    runs = root / "outputs" / str(config["name"])
    if ckpt is not None:
        path = checkpoint_at(Path(ckpt))
        _check_saved_course(config, keys, path)
        return RunLocation(_folder_for(path, chosen, new_folder(runs)), path)
    if chosen is not None:
        if resume != "auto" and not is_requeued():
            _check_new(chosen, "continue that run with resume=auto, or choose another folder")
        exists = (chosen / LAST).exists()
        return _continue(config, keys, chosen) if exists else RunLocation(chosen, None)
    new = new_folder(runs)
    if is_requeued() and (new / LAST).exists():
        return _continue(config, keys, new)
    if resume == "auto":
        for run in saved_runs(runs):
            if not split_changes(list(differences(config, run.config, keys)), config["change"])[1]:
                return RunLocation(run.folder, run.folder / LAST)
        to_stderr(
            f"resume: no run below {runs}/ has this configuration; a new one starts in {new}"
        )
    _check_new(new, f"continue that run with run_dir={new} resume=auto, or choose a folder")
    return RunLocation(new, None)


def _run_id(location: RunLocation) -> str:
    """Id of a run that continues in its folder, else a new one."""
    folder, path = location.folder, location.checkpoint
    if path is not None and path.resolve().parent.parent == folder.resolve():
        saved = _glance(path)["hyper_parameters"]["config"].get("run_id")
        return saved if isinstance(saved, str) else folder.name
    return folder.name if is_stamp(folder.name) else f"{folder.name}-{run_stamp()}"


def new_folder(runs: Path) -> Path:
    """Folder of a new run, which does not exist.

    Two exceptions under Slurm: a requeued job gets its folder again, and tasks of one step share
    a folder, whether or not another of them has made it.
    """
    stamp = run_stamp()
    if is_shared(stamp):
        return runs / stamp
    names = itertools.chain([stamp], (f"{stamp}-{k}" for k in itertools.count(2)))
    return next(runs / name for name in names if not (runs / name).exists())


def _check_new(folder: Path, fix: str) -> None:
    free = not (folder / LAST).exists()
    check(free, "run_dir", "a folder without a run in it", str(folder), fix)


def shared_location(find: Callable[[], RunLocation]) -> RunLocation:
    """Location of a run found by one process, sent to all.

    Processes started by another process get it from that one, those of `torchrun` from the first.

    Args:
        find: finds the location.

    Raises:
        ConnectionError: if another process ends before that.
    """
    known = announced_location()
    if known is not None:
        return known
    return _from_plain(Ranks.of_environment().first_finds(lambda: _plain(find())))


def _plain(location: RunLocation) -> str:
    checkpoint = None if location.checkpoint is None else str(location.checkpoint)
    return json.dumps([str(location.folder), checkpoint, location.run_id])


def _from_plain(text: str) -> RunLocation:
    folder, checkpoint, run_id = json.loads(text)
    return RunLocation(Path(folder), None if checkpoint is None else Path(checkpoint), run_id)


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


def _folder_for(path: Path, chosen: Path | None, new: Path) -> Path:
    """Folder of a run that continues from the checkpoint `path`: its own, or a free one."""
    own = path.resolve().parent.parent if path.resolve().parent.name == LAST.parent.name else new
    folder = own if chosen is None else chosen
    free = folder.resolve() == own or not (folder / LAST).exists()
    rule = "a folder without a run in it, or that of ckpt"
    check(free, "run_dir", rule, str(folder), "choose another folder")
    return folder


class SavedRun(NamedTuple):
    """Run with a last checkpoint: its folder, and its configuration as plain data."""

    folder: Path
    config: Mapping[str, Any]


def saved_runs(folder: Path) -> list[SavedRun]:
    """Runs at any depth below a folder, the one that trained last first.

    That is by the time of the last step in the checkpoints, which nothing but training changes.
    Runs whose last checkpoint cannot be read are left out, with a warning.
    """
    found = []
    for path in sorted(folder.glob(f"**/{LAST}")):
        try:
            content = _glance(path)
        except (ValueError, OSError) as error:
            warnings.warn(f"{error}; this run is left out", stacklevel=2)
            continue
        config = content["hyper_parameters"]["config"]
        when = content.get("trained_at", 0.0), content["global_step"]
        found.append((when, SavedRun(path.parent.parent, config)))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [run for _, run in found]


def _glance(path: Path) -> dict[str, Any]:
    """Content of a checkpoint whose weights stay on disk.

    Raises:
        ValueError: if it cannot be read.
    """
    try:
        content: dict[str, Any] = load_tensors(path, mmap=True)
        config, step = content["hyper_parameters"]["config"], content["global_step"]
        assert isinstance(config, dict) and isinstance(step, int)
    except Exception as error:  # a damaged file may raise anything
        text = "expected a checkpoint written by interpolants, got a damaged or another file"
        raise ValueError(f"{path}: {text}") from error
    check_format(content, path)
    return content


def newest_checkpoint(folder: Path) -> Path:
    """Last checkpoint of the run below a folder that trained last.

    Raises:
        FileNotFoundError: if there is none.
    """
    runs = saved_runs(folder)
    if not runs:
        fix = "train a model first, or set ckpt=PATH"
        raise FileNotFoundError(f"ckpt: expected a trained run below {folder}/, got none; {fix}")
    return runs[0].folder / LAST


def _continue(config: Mapping[str, Any], keys: Sequence[str], folder: Path) -> RunLocation:
    path = folder / LAST
    _check_saved_course(config, keys, path)
    return RunLocation(folder, path)


def _check_saved_course(config: Mapping[str, Any], keys: Sequence[str], path: Path) -> None:
    saved = read_checkpoint(path, resume=True)["hyper_parameters"]["config"]
    check_course(config, saved, keys, path)
