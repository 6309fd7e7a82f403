"""Sources of trained weights: a checkpoint, the folder of a run, or a saved model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from interpolants.checkpoint.ema_profiles import WIDEST, reconstruct, snapshot_steps
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import checkpoint_at
from interpolants.checkpoint.saved_model import read_saved_model
from interpolants.model.saving import RECORD
from interpolants.utils.checks import check, is_number


class Source(NamedTuple):
    """Trained weights, and the configuration that they were trained with.

    Attributes:
        path: the file or the folder of a saved model that they were read from.
        config: the configuration, as plain data from a file.
        state: `state_dict` of the `Trainable`, with averages in the place of weights.
        averaged: names of those averages in the module that is trained.
    """

    path: Path
    config: Mapping[str, Any]
    state: Mapping[str, Tensor]
    averaged: frozenset[str] = frozenset()


def read_source(path: str | Path, weights: str | float, where: str = "load.weights") -> Source:
    """Read trained weights from any place that has some, as data.

    Args:
        path: a checkpoint, the folder of a run, of which the last checkpoint is read, or that of a
            saved model.
        weights: as in `interpolants.load`.
        where: setting that `weights` comes from, for error messages.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: as of `interpolants.load`.
    """
    known = weights in ("ema", "raw") or (is_number(weights) and 0 < weights <= WIDEST)
    rule = f"'ema', 'raw', or a relative width in (0, {WIDEST}]"
    check(known, where, rule, weights)
    path = Path(path)
    if (path / RECORD).is_file():
        fix = "name the run or its checkpoint for others"
        rule = "'ema' for a saved model, which has one set of weights"
        check(weights == "ema", where, rule, weights, fix)
        return Source(path, *read_saved_model(path))
    path = checkpoint_at(path)
    content = read_checkpoint(path)
    state = _trainable_state(content["state_dict"])
    averaged = {} if weights == "raw" else _averaged(content, path, weights, where)
    config: Mapping[str, Any] = content["hyper_parameters"]["config"]
    return Source(path, config, _with_averages(state, averaged), frozenset(averaged))


def _trainable_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of the `Trainable` in that of the training module."""
    prefix = "trainable."
    return {k.removeprefix(prefix): w for k, w in state.items() if k.startswith(prefix)}


def _averaged(
    content: Mapping[str, Any], path: Path, weights: str | float, where: str
) -> dict[str, Tensor]:
    """Averages in a checkpoint, or computed from those that its run saved."""
    if isinstance(weights, str):
        averaged: dict[str, Tensor] = content.get("ema", {}).get("weights", {})
        rule, fix = "a checkpoint with averaged weights", "take 'raw' ones"
        check(bool(averaged), where, rule, str(path), fix)
        return averaged
    folder, step = path.resolve().parent.parent / "ema", content["global_step"]
    steps = [s for s in snapshot_steps(folder) if s <= step]
    rule = f"averages in {folder} of steps up to {step}, the checkpoint's, for width {weights}"
    check(bool(steps), where, rule, "none", "train with power_ema=1000")
    if steps[-1] < step:
        text = f"the average is of step {steps[-1]}, the last saved up to the checkpoint's"
        warnings.warn(f"{where}: {text}, {step}", stacklevel=4)
    return reconstruct(folder, weights, steps[-1])


def _with_averages(
    state: Mapping[str, Tensor], averaged: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """State dict with averages in the place of weights."""
    named = {f"model.{name}": weight for name, weight in averaged.items()}
    for name, weight in named.items():
        shape = state[name].shape if name in state else None
        rule = "a weight of the network" if shape is None else f"shape {tuple(shape)}"
        place = name.replace("model.", "ema.weights.", 1)
        check(weight.shape == shape, place, rule, tuple(weight.shape))
    return {**state, **named}
