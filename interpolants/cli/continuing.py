"""The run that `interpolants train` continues, with the settings that it was started with.

A run's `config.yaml` holds the words that its configuration was composed from. A continued run is
composed from these and from what is typed now, so that settings need not be typed again. Its
checkpoint decides only whether the result has the same course; nothing that it names is opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from omegaconf import OmegaConf

from interpolants.checkpoint.course import course_keys, differences, split_changes, way_to_change
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST, announced_location, checkpoint_at, saved_runs
from interpolants.cli.composing import checked, compose, recorded
from interpolants.cli.errors import sentence
from interpolants.cli.overrides import OWN_KEYS, key_of
from interpolants.cli.targets import targets
from interpolants.task.base import Task
from interpolants.utils.checks import check
from interpolants.utils.log import to_stderr
from interpolants.utils.ranks import Ranks

_TARGET = re.compile(r"\b_target_: *([\w.]+)")


class Continued(NamedTuple):
    """Run that is continued.

    Attributes:
        checkpoint: its checkpoint.
        full: its configuration, changed by what is typed, from `compose`.
        words: overrides that it was composed from.
    """

    checkpoint: Path
    full: Any
    words: list[str]


def continued(
    plain: Mapping[str, Any], typed: Sequence[str], root: Path, folders: Sequence[Path]
) -> Continued | None:
    """Find the run that is continued; None for a new one.

    Args:
        plain: the configuration of what is typed alone, resolved.
        typed: overrides of the command line.
        root: parent of `outputs/`.
        folders: as of `compose`.

    Raises:
        ValueError: if the words of a run that is named do not go with those that are typed.
    """
    known = announced_location()
    if known is not None:
        return None if known.checkpoint is None else _start(known.checkpoint, typed, folders)
    found = Ranks.of_environment().first_finds(
        lambda: json.dumps(_find(plain, typed, root, folders)), "continued"
    )
    path = json.loads(found)
    return None if path is None else _start(Path(path), typed, folders)


def _find(
    plain: Mapping[str, Any], typed: Sequence[str], root: Path, folders: Sequence[Path]
) -> str | None:
    """Checkpoint of the run that is asked for, or the newest that agrees with what is typed."""
    if plain["ckpt"] is not None:
        return str(checkpoint_at(Path(plain["ckpt"])))
    if plain["resume"] != "auto":
        return None
    if plain["run_dir"] is not None:
        last = Path(plain["run_dir"]) / LAST
        return str(last) if last.is_file() else None
    left = ""
    for run in saved_runs(root / "outputs" / str(plain["name"])):
        if run.config.get("task") != plain["task"]:
            continue
        reason = _disagrees(run.folder, run.config, typed, folders)
        if not reason:
            to_stderr(f"resume: {run.folder} is the newest run that agrees with what is typed")
            return str(run.folder / LAST)
        left = left or f"resume: {run.folder} is not continued: {reason}"
    if left:
        to_stderr(left)
    return None


def _disagrees(
    folder: Path, saved: Mapping[str, Any], typed: Sequence[str], folders: Sequence[Path]
) -> str:
    """Why a run does not agree with what is typed; empty if it does."""
    try:
        full = _start(folder / LAST, typed, folders).full
        with recorded(full) as cfg:
            plain = checked(cfg, "train", folders)
    except Exception as error:  # Hydra has many
        return sentence(error)
    task: type[Task] = _task_class(plain)
    found = list(differences(plain, saved, course_keys(task.parts)))
    others = split_changes(found, plain["change"])[1]
    if not others:
        return ""
    key, expected, got = others[0]
    return f"{key} is {expected!r} there, {got!r} here; type other settings{way_to_change(key)}"


def _task_class(plain: Mapping[str, Any]) -> type[Task]:
    from hydra.utils import get_class

    found: type[Task] = get_class(plain["task"]["_target_"])
    return found


def _start(path: Path, typed: Sequence[str], folders: Sequence[Path]) -> Continued:
    """The run of a checkpoint, composed from its own words and those that are typed."""
    record = _record(path)
    own = [word for word in record.get("overrides", ()) if isinstance(word, str)]
    keys = {key_of(word) for word in typed}
    words = [word for word in own if key_of(word) not in keys | OWN_KEYS]
    words += [*typed, *_pending(record, path, typed)]
    full = compose("train", words, folders)
    _check_targets(full, words, typed, folders, path)
    return Continued(path, full, words)


def _record(path: Path) -> dict[str, Any]:
    """The `config.yaml` of a checkpoint's run; empty for a checkpoint elsewhere."""
    file = path.resolve().parent.parent / "config.yaml"
    if path.resolve().parent.name != LAST.parent.name or not file.is_file():
        return {}
    try:
        content = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        fix = "move it away, and type all settings of the run"
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{file}: expected settings of a run, got {reason}; {fix}") from error
    return content if isinstance(content, dict) else {}


def _pending(record: Mapping[str, Any], path: Path, typed: Sequence[str]) -> Iterator[str]:
    """Word for changes that were asked for, but stopped before a checkpoint had them."""
    change = record.get("change")
    if change and path.is_file() and "change" not in {key_of(word) for word in typed}:
        saved = read_checkpoint(path)["hyper_parameters"]["config"]
        if record.get("history") != saved.get("history"):
            yield f"change=[{','.join(change)}]"


def _check_targets(
    full: Any, words: Sequence[str], typed: Sequence[str], folders: Sequence[Path], path: Path
) -> None:
    """Require classes that yaml files or the typed words name, not the record of a run alone."""
    if list(words) == list(typed):
        return
    with recorded(full) as cfg:
        named = set(targets(OmegaConf.to_container(cfg, resolve=True)))
    texts = (file.read_text() for folder in folders for file in folder.rglob("*.yaml"))
    known = {name for text in texts for name in _TARGET.findall(text)}
    said = " ".join(typed)
    for name in sorted(named - known):
        fix = "type its setting again"
        rule = "classes that yaml files name"
        check(name in said, "overrides", rule, f"{name} in the run of {path}", fix)
