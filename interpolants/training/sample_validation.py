"""Samples during training, with metrics and a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import lightning.pytorch as pl

from interpolants.model.request import SampleRequest
from interpolants.plot.style import save
from interpolants.task.base import SampleCheck
from interpolants.training.loggers import numbers_of
from interpolants.training.shards import is_sharded
from interpolants.utils.checks import check_count
from interpolants.utils.seeds import keyed_seed

# Keeps the samples that are drawn in training apart from those of the report.
_LOOK = 13

LookAt = Callable[[SampleRequest], SampleCheck]
"""Function that draws the samples of a request, measures and plots them."""


@final
class SampleValidation(pl.Callback):
    """Callback that draws samples after some validations, and logs metrics and a figure.

    It uses the averaged weights. The figure is written to `<folder>/step_<n>.png` and sent to
    every logger that takes images.

    Args:
        check_samples: draws samples and computes metrics, which are logged as `val/<name>` and
            `val/<name>_floor`, each with its spread as `..._sd`.
        request: the samples. Each step draws others, so that the luck of one draw is not taken for
            a property of the model: their seed is a hash of the request's and of the step.
        folder: folder of the figures.
        every_n_steps: optimiser steps between samplings, a multiple of those between validations.
    """

    def __init__(
        self, *, check_samples: LookAt, request: SampleRequest, folder: Path, every_n_steps: int
    ) -> None:
        check_count("SampleValidation.every_n_steps", every_n_steps)
        self.check_samples, self.request = check_samples, request
        self.folder, self.every_n_steps = folder, every_n_steps

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sample, log metrics and write a figure, if due."""
        step = trainer.global_step
        if step % self.every_n_steps:
            return
        # One process samples, unless its network is sharded over all.
        samples = trainer.is_global_zero or is_sharded(pl_module)
        request = replace(self.request, seed=keyed_seed(_LOOK, self.request.seed, step))
        found = self.check_samples(request) if samples else None
        if found is None or not trainer.is_global_zero:
            return
        values: dict[str, Any] = {f"val/{name}": value for name, value in found.numbers.items()}
        values |= numbers_of(found.results, "val")
        for result in found.results:
            pl_module.log(f"val/{result.name}", result.value, logger=False)
        file = self.folder / f"step_{step:07d}.png"
        save(found.figure, file)
        for logger in trainer.loggers:
            if values:
                logger.log_metrics(values, step=step)
            if hasattr(logger, "log_image"):
                logger.log_image(key="val/samples", images=[str(file)], step=step)
