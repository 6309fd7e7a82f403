"""Arguments of the training module from a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from interpolants.task.base import Build
from interpolants.training.changes import check_schedule


def module_options(
    config: Mapping[str, Any], plain: Mapping[str, Any], build: Build, model: nn.Module
) -> dict[str, Any]:
    """Arguments of `TrainingModule` from the configuration, beside the trainable.

    Args:
        config: the configuration, whose parts `build` turns into objects.
        plain: the same as plain data.
        build: builds an object from a part.
        model: module with the weights.

    Raises:
        ValueError: if a setting of the optimiser or the schedule is wrong.
    """
    optimizer, scheduler = build(config["optimizer"]), build(config["scheduler"])
    # Lightning builds both after the set-up; bad settings are refused here.
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    schedule = scheduler(named("optimizer", lambda: optimizer(trained)))
    if config["change"]:
        check_schedule(schedule)
    keys = ("seed", "clip_norm", "log_every", "accumulate", "overfit_batch")
    settings = {key: config[key] for key in keys}
    return {"optimizer": optimizer, "scheduler": scheduler, "config": plain} | settings


def named(key: str, make: Callable[[], Any]) -> Any:
    """Build a part of another library, with the key of its configuration in errors."""
    try:
        return make()
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise ValueError(f"{key}: {error}") from error
