"""Samples during training: metrics and a picture every so many validations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import lightning.pytorch as pl

from interpolants.checks import check
from interpolants.data.base import Data
from interpolants.metric.base import Metric
from interpolants.model import Model, SamplerFactory
from interpolants.plot.samples import plot_samples
from interpolants.plot.style import save
from interpolants.report import measure
from interpolants.training.module import InterpolantModule


@final
class SampleValidation(pl.Callback):
    """Draws samples after a validation, logs each metric and its floor, and draws a picture.

    It runs while the averaged weights are in place. The picture goes to
    `<folder>/step_<n>.png` and to every logger that takes images.

    Args:
        model: what to sample; shares its fields with the module that trains.
        data: what to compare with.
        metrics: what to log, as `val/<name>` and `val/<name>_floor`.
        sampler: builds the sampler.
        folder: of the pictures.
        every_n_validations: how often.
        n: number of samples.
    """

    def __init__(
        self,
        *,
        model: Model,
        data: Data,
        metrics: Sequence[Metric],
        sampler: SamplerFactory,
        folder: Path,
        every_n_validations: int = 1,
        n: int = 2_000,
    ) -> None:
        positive = every_n_validations > 0 and n > 0
        got = (every_n_validations, n)
        check(positive, "SampleValidation", "every_n_validations > 0 and n > 0", got)
        self.model, self.data, self.metrics = model, data, metrics
        self.sampler, self.folder = sampler, folder
        self.every_n_validations, self.n = every_n_validations, n
        self._count = 0

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sample, measure, log and draw."""
        assert isinstance(pl_module, InterpolantModule)
        if trainer.sanity_checking or not self.metrics:
            return
        if (self._count + 1) % self.every_n_validations == 0:
            self._sample(trainer, pl_module)
        # Last, so that a validation that was cut short and repeated counts once.
        self._count += 1

    def _sample(self, trainer: pl.Trainer, pl_module: InterpolantModule) -> None:
        drawn, reference, results = measure(
            self.model, self.data, self.metrics, n=self.n, sampler=self.sampler
        )
        values: dict[str, Any] = {}
        for result in results:
            values[f"val/{result.name}"] = result.value
            values[f"val/{result.name}_floor"] = result.floor
            pl_module.log(f"val/{result.name}", result.value, logger=False)
        if not trainer.is_global_zero:
            return
        step = trainer.global_step
        file = self.folder / f"step_{step:07d}.png"
        self.folder.mkdir(parents=True, exist_ok=True)
        save(plot_samples(drawn.x.cpu(), reference), file)
        for logger in trainer.loggers:
            logger.log_metrics(values, step=step)
            if hasattr(logger, "log_image"):
                logger.log_image(key="val/samples", images=[str(file)], step=step)

    def state_dict(self) -> dict[str, int]:
        """How many validations there were, so that a resumed run keeps the rhythm."""
        return {"count": self._count}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Restore the count."""
        self._count = state_dict["count"]
