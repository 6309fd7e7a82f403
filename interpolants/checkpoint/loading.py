"""Loading of trained models from checkpoints."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from interpolants.checkpoint import spec
from interpolants.checkpoint.ema_profiles import WIDEST, reconstruct, snapshot_steps
from interpolants.checkpoint.reading import KEYS, check_keys, read_checkpoint
from interpolants.data.base import Data
from interpolants.task.base import Task
from interpolants.utils.checks import check, is_number
from interpolants.utils.limits import TensorLimit

# A constructor makes at most this multiple of the weights in the file, and besides this many.
_TIMES, _SLACK, _SLACK_COUNT = 4, 2**22, 1_000


def load(
    path: str | Path,
    *,
    weights: str | float = "ema",
    trust: Sequence[str] = (),
    device: torch.device | str = "cpu",
    data: bool = False,
) -> Any:
    """Load a trained model from its checkpoint, which is all it needs.

    Loading never runs code from the file, and opens no other file that it names, except with
    `data`. A base that draws from a data set is then without it, and autoguidance always without
    its poorer network: what needs them says so.

    Args:
        path: a checkpoint file.
        weights: "ema" for the averaged weights, "raw" for the last ones; a number in (0, 0.25]
            for the average of that relative width (`interpolants.checkpoint.ema_profiles`),
            computed from the averages in the run's folder `ema`, at the last step saved there up
            to the checkpoint's, with a warning if it is an earlier one.
        trust: modules outside this package whose classes the checkpoint may name.
        device: device of the model.
        data: whether to read the data set that a base draws from. It is never downloaded.

    Returns:
        A `Model`; for a neural SDE, a `TimeSeriesModel`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a checkpoint of this package, names other things than its classes,
            or has weights of another network than it describes; or if it has no such averages.
    """
    known = weights in ("ema", "raw") or (is_number(weights) and 0 < weights <= WIDEST)
    rule = f"'ema', 'raw', or a relative width in (0, {WIDEST}]"
    check(known, "load.weights", rule, weights)
    _check_device(device)
    content = read_checkpoint(path)
    config = content["hyper_parameters"]["config"]
    state = _trainable_state(content["state_dict"])
    averaged = {} if weights == "raw" else _averaged(content, path, weights)
    state = _with_averages(state, averaged)
    task = task_of(config, trust)
    check_keys(config, task.saved, path)
    kinds = {key: kind for key, kind in KEYS.items() if key not in ("task", "data")}
    parts = {
        key: _build(config, key, kind, trust, data)
        for key, kind in {**kinds, **task.saved}.items()
    }
    elements = sum(weight.numel() for weight in state.values())
    limit = TensorLimit(_TIMES * elements + _SLACK, _TIMES * len(state) + _SLACK_COUNT)
    try:
        with limit:
            model = task.rebuild(config, state, parts.__getitem__, device)
        if averaged:
            _check_complete(model, averaged)
        return model
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    # Weights and parts that do not fit may make a network raise anything.
    except Exception as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        rule = "expected the weights of the network in its config, got others"
        raise ValueError(f"{path}: {rule}; {reason}") from error


def task_of(config: Mapping[str, Any], trust: Sequence[str] = ()) -> Task:
    """Task of a configuration.

    Args:
        config: the configuration in a checkpoint, or `Model.config`.
        trust: as in `load`.

    Raises:
        ValueError: if it has no task.
    """
    task = _build(config, "task", Task, trust)
    assert isinstance(task, Task)
    return task


def load_network(path: str, weights: str | float = "ema") -> nn.Module:
    """Load the network of a trained interpolant, as autoguidance needs it.

    Args:
        path, weights: as in `load`.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """
    model = load(path, weights=weights)
    rule = "a checkpoint of a model with a network, such as an interpolant"
    check("net" in model.config, "load_network.path", rule, path)
    network: nn.Module = model.fields.net
    return network


def _build(
    config: Mapping[str, Any], key: str, kind: Any, trust: Sequence[str], data: bool = False
) -> Any:
    """Build a part of a configuration; an empty one is None."""
    outside = (Data,) if data else ()
    part = None if config[key] == {} else config[key]
    return spec.build(part, kind, where=key, trust=trust, outside=outside)


def _trainable_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of the `Trainable` in that of the training module."""
    prefix = "trainable."
    return {k.removeprefix(prefix): w for k, w in state.items() if k.startswith(prefix)}


def _averaged(
    content: Mapping[str, Any], path: str | Path, weights: str | float
) -> dict[str, Tensor]:
    """Averages in a checkpoint, or computed from those that its run saved."""
    if isinstance(weights, str):
        averaged: dict[str, Tensor] = content.get("ema", {}).get("weights", {})
        rule, fix = "a checkpoint with averaged weights", "pass weights='raw'"
        check(bool(averaged), "load.weights", rule, str(path), fix)
        return averaged
    folder, step = Path(path).resolve().parent.parent / "ema", content["global_step"]
    steps = [s for s in snapshot_steps(folder) if s <= step]
    rule = f"averages in {folder} of steps up to {step}, the checkpoint's, for width {weights}"
    check(bool(steps), "load.weights", rule, "none", "train with power_ema=1000")
    if steps[-1] < step:
        text = f"the average is of step {steps[-1]}, the last saved up to the checkpoint's"
        warnings.warn(f"load.weights: {text}, {step}", stacklevel=3)
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


def _check_complete(model: Any, averaged: Mapping[str, Tensor]) -> None:
    """Require averages of all weights that were trained, not of a part of them."""
    trained = model.fields if hasattr(model, "fields") else model.model
    for name, weight in trained.named_parameters():
        known = name in averaged or not weight.requires_grad
        check(known, "ema.weights", f"an average of {name}", "none")


def _check_device(device: torch.device | str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        fix = f"{reason}; use device=cpu"
        check(False, "load.device", "a device of this machine", str(device), fix)
