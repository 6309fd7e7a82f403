"""Loading of trained models from checkpoints."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from interpolants.checkpoint import spec
from interpolants.checkpoint.reading import KEYS, check_keys
from interpolants.checkpoint.source import read_source
from interpolants.data.base import Data
from interpolants.fields.fields import Fields
from interpolants.model.checks import check_device
from interpolants.model.trained import TrainedModel
from interpolants.objective.teacher import Teacher
from interpolants.task.base import Task
from interpolants.utils.checks import check
from interpolants.utils.limits import TensorLimit
from interpolants.utils.patterns import matches

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
    """Load a trained model from a checkpoint, a run or what `save` wrote, which is all it needs.

    Loading never runs code from the file, and opens no other file that it names, except with
    `data`. A base that draws from a data set is then without it, and autoguidance always without
    its poorer network: what needs them says so.

    Args:
        path: a checkpoint file, the folder of a run, whose last checkpoint is loaded, or a folder
            that `Model.save` wrote.
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
    check_device("load.device", device)
    path, config, state, averaged = read_source(path, weights)
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
            _check_complete(model, averaged, config.get("freeze", ()))
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
    return load_teacher(path, weights).fields.net


def load_teacher(path: str, weights: str | float = "ema") -> Teacher:
    """Load a trained interpolant, frozen, as a flow map's teacher.

    Args:
        path, weights: as in `load`.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """
    model = load(path, weights=weights)
    rule = "a checkpoint of a model with fields, such as an interpolant"
    check("net" in model.config, str(path), rule, "one without")
    fields: Fields = model.fields.eval().requires_grad_(False)
    return Teacher(fields=fields, scaling=model.scaling, labels=model.labels)


def _build(
    config: Mapping[str, Any], key: str, kind: Any, trust: Sequence[str], data: bool = False
) -> Any:
    """Build a part of a configuration; an empty one is None."""
    outside = (Data,) if data else ()
    part = None if config[key] == {} else config[key]
    return spec.build(part, kind, where=key, trust=trust, outside=outside)


def _check_complete(model: TrainedModel, averaged: Collection[str], frozen: Sequence[str]) -> None:
    """Require averages of all weights that were trained, not of a part of them."""
    for name, weight in model.trained.named_parameters():
        known = name in averaged or not weight.requires_grad or matches(name, frozen)
        check(known, "ema.weights", f"an average of {name}", "none")
