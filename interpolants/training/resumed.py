"""Checks of the state of training in a checkpoint, before a run continues from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from torch import Tensor

from interpolants.utils.checks import check, is_number
from interpolants.utils.plain import brief, entry
from interpolants.utils.tensor_files import check_finite_tensors


def check_resumed(
    content: Mapping[str, Any], path: Path, module: pl.LightningModule, trainer: pl.Trainer
) -> None:
    """Require the states of an optimiser, a schedule and loops like those of a run.

    Fused optimisers do not compare shapes: one that does not fit would be read beyond its end.

    Args:
        content: a checkpoint, by `read_checkpoint` with `resume`.
        path: its file.
        module, trainer: those of the run that continues.

    Raises:
        ValueError: that names the first entry that does not fit.
    """
    built: Any = module.configure_optimizers()
    optimizer = built["optimizer"].state_dict()
    known = {
        "optimizer_states": [optimizer],
        "lr_schedulers": [built["lr_scheduler"].state_dict()],
        "loops": {"fit_loop": trainer.fit_loop.state_dict()},
    }
    try:
        for key, like in known.items():
            _check_like(key, content[key], like)
        state = content["optimizer_states"][0]
        weights = [w for group in built["optimizer"].param_groups for w in group["params"]]
        _check_moments("optimizer_states[0].state", state, weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_like(where: str, value: object, like: object) -> None:
    """Require the entries of a state of today, except flags, which later versions may add."""
    if isinstance(like, dict):
        check(isinstance(value, dict), where, "a dict", brief(value))
        assert isinstance(value, dict)
        for key, part in like.items():
            if key in value or not (part is None or isinstance(part, bool)):
                check(key in value, entry(where, key), "a value", "nothing")
                _check_like(entry(where, key), value[key], part)
    elif isinstance(like, (list, tuple)):
        fits = isinstance(value, (list, tuple)) and len(value) == len(like)
        check(fits, where, f"a list of {len(like)}", brief(value))
        assert isinstance(value, (list, tuple))
        for i, part in enumerate(like):
            _check_like(f"{where}[{i}]", value[i], part)
    elif isinstance(like, bool):
        check(isinstance(value, bool), where, "true or false", brief(value))
    elif is_number(like):
        fits = is_number(value) and (value >= 0 or like < 0)
        check(fits, where, "a number >= 0", brief(value))


def _check_moments(where: str, state: Mapping[str, Any], weights: Sequence[Tensor]) -> None:
    """Require finite tensors, and for fused optimisers those of the shapes of the weights."""
    fused = any(group.get("fused") for group in state["param_groups"])
    names: set[str] | None = None
    for key, moments in state["state"].items():
        place, known = entry(where, key), isinstance(key, int) and 0 <= key < len(weights)
        check(known, f"a key of {where}", f"the number of one of {len(weights)} weights", key)
        check(isinstance(moments, dict), place, "a dict", brief(moments))
        check_finite_tensors(place, {n: m for n, m in moments.items() if isinstance(m, Tensor)})
        names = set(moments) if names is None else names
        if fused:
            check(set(moments) == names, place, f"entries {sorted(names)}", sorted(moments))
        for name, moment in moments.items() if fused else ():
            check(isinstance(moment, Tensor), entry(place, name), "a Tensor", brief(moment))
            shape = () if name == "step" else tuple(weights[key].shape)
            found = tuple(moment.shape)
            check(found == shape, entry(place, name), f"shape {shape}", found)
