"""Lines on the state of training, where no terminal shows a progress bar."""

from __future__ import annotations

from typing import Any, final

import lightning.pytorch as pl

from interpolants.training.csv_logger import MACHINE
from interpolants.training.progress import is_watched
from interpolants.training.speed import Speed
from interpolants.utils.log import to_stderr


@final
class StatusLines(pl.Callback):
    """Callback that prints one line after each validation, unless somebody may watch the bar.

    In the end it prints the table of a profiler, if there is one.

    Args:
        speed: measures speed and memory.
    """

    def __init__(self, speed: Speed) -> None:
        self.speed = speed
        self._outputs: Any = None

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Remember the loss, on its device."""
        self._outputs = outputs

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print steps, losses, metrics, speed and memory."""
        if is_watched() or not trainer.is_global_zero:
            return
        values = {} if self._outputs is None else {"train/loss": float(self._outputs["loss"])}
        values |= {k: float(v) for k, v in trainer.callback_metrics.items() if "/" in k}
        values |= self.speed.latest
        text = ", ".join(f"{k.removeprefix(MACHINE)} {value:.4g}" for k, value in values.items())
        to_stderr(f"step {trainer.global_step} of {trainer.max_steps}: {text}")

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the table of a profiler, which has none after training."""
        profile = trainer.profiler.summary()  # type: ignore[attr-defined]
        if profile and trainer.is_global_zero:
            print(profile)
