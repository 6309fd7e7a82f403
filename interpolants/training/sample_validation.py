"""Samples during training, with metrics and a figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import lightning.pytorch as pl

from interpolants.plot.style import save
from interpolants.task.base import SampleCheck
from interpolants.training.shards import is_sharded
from interpolants.utils.checks import check_count


@final
class SampleValidation(pl.Callback):
    """Callback that draws samples after some validations, and logs metrics and a figure.

    It uses the averaged weights. The figure is written to `<folder>/step_<n>.png` and sent to
    every logger that takes images.

    Args:
        check_samples: draws samples and computes metrics, which are logged as `val/<name>` and
            `val/<name>_floor`.
        folder: folder of the figures.
        every_n_steps: optimiser steps between samplings, a multiple of those between validations.
    """

    def __init__(
        self, *, check_samples: Callable[[], SampleCheck], folder: Path, every_n_steps: int
    ) -> None:
        check_count("SampleValidation.every_n_steps", every_n_steps)
        self.check_samples, self.folder, self.every_n_steps = check_samples, folder, every_n_steps

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sample, log metrics and write a figure, if due."""
        if trainer.global_step % self.every_n_steps:
            return
        # One process samples, unless its network is sharded over all.
        found = self.check_samples() if trainer.is_global_zero or is_sharded(pl_module) else None
        if found is None or not trainer.is_global_zero:
            return
        values: dict[str, Any] = {f"val/{name}": value for name, value in found.numbers.items()}
        for result in found.results:
            values[f"val/{result.name}"] = result.value
            values[f"val/{result.name}_floor"] = result.floor
            pl_module.log(f"val/{result.name}", result.value, logger=False)
        step = trainer.global_step
        file = self.folder / f"step_{step:07d}.png"
        save(found.figure, file)
        for logger in trainer.loggers:
            if values:
                logger.log_metrics(values, step=step)
            if hasattr(logger, "log_image"):
                logger.log_image(key="val/samples", images=[str(file)], step=step)
