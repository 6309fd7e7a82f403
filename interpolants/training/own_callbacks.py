"""Callbacks of the user, and the values that they may watch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.model_helpers import is_overridden

from interpolants.metric.base import Metric
from interpolants.task.base import Build
from interpolants.utils.checks import check
from interpolants.utils.tensor_files import check_content

# Hooks around an optimiser step, which is taken without them to save time.
_SKIPPED = (
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)


def own_callbacks(
    config: Mapping[str, Any], build: Build, metrics: Sequence[Metric]
) -> list[pl.Callback]:
    """Build the callbacks of the configuration, and check that nothing of them is ignored.

    Args:
        config: the configuration, with callbacks by name as `callbacks`.
        build: builds an object from a part.
        metrics: metrics of the run.

    Raises:
        ValueError: for the first callback that would not do what it is meant to do.
    """
    found: dict[str, pl.Callback] = {}
    keys: dict[str, str] = {}
    for name, node in config["callbacks"].items():
        where, callback = f"callbacks.{name}", build(node)
        is_one = isinstance(callback, pl.Callback)
        check(is_one, where, "a callback of Lightning", type(callback).__name__)
        own = not isinstance(callback, ModelCheckpoint)
        fix = "use checkpoint_every=, power_ema=, or a callback that calls save_checkpoint"
        rule = "no ModelCheckpoint, which deletes files that a checkpoint names"
        check(own, where, rule, type(callback).__name__, fix)
        skipped = [hook for hook in _SKIPPED if is_overridden(hook, callback, pl.Callback)]
        fix = "use on_train_batch_end, which is called after each steps_per_batch steps"
        check(not skipped, where, "hooks that are called", ", ".join(skipped), fix)
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str):
            check_logged(f"{where}.monitor", monitor, config, metrics)
        state = callback.state_dict()
        check_state(where, state)
        if state:
            twin = keys.setdefault(callback.state_key, name)
            fix = "let its state_key say what differs"
            check(twin == name, where, f"another state_key than callbacks.{twin}", name, fix)
        found[name] = callback
    return list(found.values())


def check_state(where: str, state: object) -> None:
    """Require a state of plain data and tensors, as a checkpoint holds it.

    Raises:
        ValueError: for any other.
    """
    try:
        check_content(move_data_to_device(state, torch.device("cpu")))
    except (TypeError, ValueError) as error:  # a range, for one, cannot be moved
        rule = "a state_dict of numbers, strings, tensors and containers of these"
        raise ValueError(f"{where}: expected {rule}, got {error}") from error


def check_logged(
    where: str, name: str, config: Mapping[str, Any], metrics: Iterable[Metric]
) -> None:
    """Require the name of a value that every validation logs.

    Raises:
        ValueError: if there is no such value, or fewer validations log it.
    """
    known = _logged("val", metrics)
    check(name in known, where, f"one of {', '.join(known)}", name)
    every, often = config["sample_every"], config["validate_every"]
    rule = "val/loss, if samples are drawn in fewer validations"
    check(name == known[0] or every == often, where, rule, name, f"set sample_every={often}")


def check_sweep_value(name: str | None, metrics: Sequence[Metric]) -> None:
    """Require the name of a value that a run logs, or None.

    Raises:
        ValueError: for any other name.
    """
    known = [*_logged("val", metrics), *_logged("test", metrics)[1:]]
    check(name is None or name in known, "sweep_value", f"one of {', '.join(known)}", name)


def _logged(stage: str, metrics: Iterable[Metric]) -> list[str]:
    """Names of the values that are logged in a stage, that of the loss first."""
    names = [f"{stage}/{name}" for metric in metrics for name in metric.names]
    return [f"{stage}/loss", *names]


def stop_reason(callbacks: Iterable[pl.Callback], names: Iterable[str]) -> str:
    """Reason for which callbacks ended a run before its last step."""
    reasons = (getattr(each, "stopping_reason_message", None) for each in callbacks)
    return next(filter(None, reasons), f"as asked for by callbacks=[{','.join(names)}]")
