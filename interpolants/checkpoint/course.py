"""The course of training: the settings that decide it, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from interpolants.utils.checks import check

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
# Where the first weights came from, and a test of a model; files may lack these.
_NEWER = ("init", "init_weights", "init_shrink", "init_noise", "freeze", "overfit_batch")
# What may change on the way; but the state of an optimiser fits its class alone.
_KEPT = "optimizer._target_"
_CHANGEABLE = ("optimizer", "scheduler", "batch_size", "clip_norm", "ema")


class Difference(NamedTuple):
    """Setting that differs between a run and what is asked for.

    Attributes:
        key: dotted name of the setting.
        expected: value in the run.
        got: value that is asked for.
    """

    key: str
    expected: Any
    got: Any


def course_keys(parts: Sequence[str]) -> tuple[str, ...]:
    """Keys of the settings that decide the course of training.

    Args:
        parts: keys of the task's parts.
    """
    return (*_DATA, *parts, *_TRAINING, *_NEWER)


def differences(
    config: Mapping[str, Any], saved: Mapping[str, Any], keys: Sequence[str]
) -> Iterator[Difference]:
    """Differences of a configuration from that of a run, in settings of some keys."""
    for key in keys:
        if key in saved or key not in _NEWER:
            yield from _compare(key, saved.get(key), config.get(key))


def split_changes(
    found: Sequence[Difference], change: Sequence[str]
) -> tuple[list[Difference], list[Difference]]:
    """Differences that a list of settings allows, and the others.

    Args:
        found: the differences.
        change: settings, such as `optimizer.lr`, or parts, such as `scheduler`.
    """
    allowed = [each for each in found if _is_below(each.key, change) and each.key != _KEPT]
    return allowed, [each for each in found if each not in allowed]


def check_change(change: Sequence[str]) -> None:
    """Require settings that a run may change on its way.

    Raises:
        ValueError: for the first other one.
    """
    rule = f"settings that may change on the way, of {', '.join(_CHANGEABLE)}"
    for key in change:
        check(_is_below(key, _CHANGEABLE), "change", rule, key, "start a new run with init=")


def check_course(
    config: Mapping[str, Any], saved: Mapping[str, Any], keys: Sequence[str], path: Path
) -> None:
    """Require the course of the run that is continued, but for what `change` names.

    Args:
        config: configuration of the present run.
        saved: that of the run.
        keys: settings that decide the course.
        path: the run's checkpoint, for error messages.

    Raises:
        ValueError: for the first setting that differs.
    """
    found = list(differences(config, saved, keys))
    for key, expected, got in split_changes(found, config["change"])[1]:
        fix = "continue with the settings of that run, or start a new one"
        check(False, key, f"{expected!r} as in {path}", got, fix + way_to_change(key))


def way_to_change(key: str) -> str:
    """End of a sentence on how a setting may change on the way; empty if it may not."""
    may = _is_below(key, _CHANGEABLE) and key != _KEPT
    return f", or add change=[{key}] to change it from here on" if may else ""


def _is_below(key: str, names: Sequence[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _compare(key: str, expected: Any, got: Any) -> Iterator[Difference]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in {**expected, **got}:
            # A run may be made longer, and its schedule with it.
            if name != "max_steps":
                yield from _compare(f"{key}.{name}", expected.get(name), got.get(name))
    elif expected != got:
        yield Difference(key, expected, got)
