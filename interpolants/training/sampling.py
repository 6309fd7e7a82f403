"""Samples during training: metrics and a picture every so many validations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import lightning.pytorch as pl

from interpolants.checks import check_count
from interpolants.data.base import Data
from interpolants.metric.base import Metric
from interpolants.model import Model
from interpolants.plot.samples import plot_samples
from interpolants.plot.style import save
from interpolants.report import measure
from interpolants.training.module import InterpolantModule


@final
class SampleValidation(pl.Callback):
    """Draws samples after some validations, logs each metric and its floor, and draws a picture.

    How many samples left their space, where a process may let them, is logged as `val/outside`.
    It runs while the averaged weights are in place. The picture goes to
    `<folder>/step_<n>.png` and to every logger that takes images.

    Args:
        model: what to sample; shares its fields with the module that trains.
        data: what to compare with.
        metrics: what to log, as `val/<name>` and `val/<name>_floor`.
        folder: of the pictures.
        every_n_steps: optimiser steps between samplings, a multiple of those between validations.
        n: number of samples.
    """

    def __init__(
        self,
        *,
        model: Model,
        data: Data,
        metrics: Sequence[Metric],
        folder: Path,
        every_n_steps: int,
        n: int = 2_000,
    ) -> None:
        check_count("SampleValidation.every_n_steps", every_n_steps)
        check_count("SampleValidation.n", n)
        self.model, self.data, self.metrics = model, data, metrics
        self.folder, self.every_n_steps, self.n = folder, every_n_steps, n

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sample, measure, log and draw."""
        assert isinstance(pl_module, InterpolantModule)
        if trainer.global_step % self.every_n_steps:
            return
        drawn, reference, results = measure(self.model, self.data, self.metrics, n=self.n)
        values: dict[str, Any] = {}
        if drawn.outside is not None:
            values["val/outside"] = drawn.outside
        for result in results:
            values[f"val/{result.name}"] = result.value
            values[f"val/{result.name}_floor"] = result.floor
            pl_module.log(f"val/{result.name}", result.value, logger=False)
        step = trainer.global_step
        file = self.folder / f"step_{step:07d}.png"
        save(plot_samples(drawn.x.cpu(), reference), file)
        for logger in trainer.loggers:
            if values:
                logger.log_metrics(values, step=step)
            if hasattr(logger, "log_image"):
                logger.log_image(key="val/samples", images=[str(file)], step=step)
