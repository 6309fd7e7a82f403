"""Reading checkpoints as data: tensors and plain values, never code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from torch import Tensor

from interpolants.data.base import Data
from interpolants.space.base import Space
from interpolants.task.base import Task
from interpolants.utils.format import check_format
from interpolants.utils.plain import Count, check_plain
from interpolants.utils.tensor_files import check_finite_tensors, load_tensors

KEYS: Mapping[str, Any] = {
    "event_shape": Sequence[Count],
    "task": Task,
    "data": Data,
    "space": Space,
}
"""Keys of the configuration in every checkpoint, and the type of each, as of `Task.saved`."""

_EXPECTED = "expected a checkpoint written by interpolants"

_Weights = Mapping[str, Tensor]


class _Average(TypedDict):
    last_step: Count
    weights: _Weights


class _EMA(_Average):
    before: NotRequired[_Average]


class _Averages(TypedDict):
    last_step: Count
    weights: Sequence[_Weights]


class _PowerEMA(_Averages):
    sigma_rel: Sequence[float]
    written: Count
    before: NotRequired[_Averages]


class Config(TypedDict):
    """Entries of every configuration that are records; parts are checked as they are built.

    Attributes:
        fingerprint: of the data, by setting.
        history: events of the run, such as where its first weights came from.
        freeze: patterns of the names of weights that were not trained.
    """

    fingerprint: Mapping[str, Mapping[str, Any]]
    history: NotRequired[Sequence[Mapping[str, Any]]]
    freeze: NotRequired[Sequence[str]]


class _HyperParameters(TypedDict):
    config: Config


class _Checkpoint(TypedDict):
    """Entries of every checkpoint, beside those that only the training framework reads."""

    state_dict: _Weights
    hyper_parameters: _HyperParameters
    global_step: Count
    ema: NotRequired[_EMA]
    power_ema: NotRequired[_PowerEMA]


class _Resumed(TypedDict):
    """Entries that training continues from, besides."""

    epoch: Count
    optimizer_states: Sequence[Mapping[str, Any]]
    lr_schedulers: Sequence[Mapping[str, Any]]
    loops: Mapping[str, Mapping[str, Any]]
    callbacks: Mapping[str, Mapping[str, Any]]


def read_checkpoint(path: str | Path, *, resume: bool = False) -> dict[str, Any]:
    """Read the content of a checkpoint file, with all tensors on the CPU.

    Nothing in the file is run: only tensors, numbers, strings and containers of these are
    accepted, and torch formats older than the zip archive are refused unread.

    Args:
        path: a file written in training.
        resume: whether training continues from it, which needs more entries than a model.

    Returns:
        The checkpoint, with `["state_dict"]` and the configuration,
        `["hyper_parameters"]["config"]`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is a folder, empty, truncated, damaged, would run code, is from another
            program, or an entry is missing, of another type or not finite.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: {_EXPECTED}, or a folder of them, got no such file")
    if path.is_dir():
        raise ValueError(f"{path}: {_EXPECTED}, got a folder; name a .ckpt file in it")
    try:
        content = load_tensors(path)
    except ValueError as error:
        raise ValueError(f"{path}: {_EXPECTED}, got {error}") from error
    _check_origin(content, path)
    check_format(content, path)
    try:
        for kind in (_Checkpoint, _Resumed)[: 1 + resume]:
            check_plain("", content, kind)
        _check_finite(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    result: dict[str, Any] = content
    return result


def check_keys(config: Mapping[str, Any], keys: Iterable[str], path: str | Path) -> None:
    """Require keys in the configuration of a checkpoint.

    Raises:
        ValueError: for the first that is not there.
    """
    for key in keys:
        if key not in config:
            raise _foreign(path, f"{key} in its config")


def _foreign(path: str | Path, lacking: str) -> ValueError:
    return ValueError(f"{path}: {_EXPECTED}, got a file of another program (no {lacking})")


def _check_origin(content: object, path: Path) -> None:
    """Require the entries by which checkpoints of this package are known."""
    if not isinstance(content, dict) or "state_dict" not in content:
        raise _foreign(path, "state_dict")
    found: object = content
    for name in ("hyper_parameters", "config"):
        if not isinstance(found, dict):  # the check of types names it
            return
        if name not in found:
            raise _foreign(path, "config")
        found = found[name]
    if isinstance(found, dict):
        check_keys(found, KEYS, path)


def _check_finite(content: Mapping[str, Any]) -> None:
    """Require finite weights and averages."""
    check_finite_tensors("state_dict", content["state_dict"])
    for key in ("ema", "power_ema"):
        latest = content.get(key, {})
        for where, average in ((key, latest), (f"{key}.before", latest.get("before", {}))):
            weights = average.get("weights", {})
            for each in [weights] if isinstance(weights, dict) else weights:
                check_finite_tensors(f"{where}.weights", each)
