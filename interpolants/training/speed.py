"""Speed and memory of training."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any, final

import lightning.pytorch as pl
import torch

from interpolants.training.csv_logger import MACHINE


@final
class Speed(pl.Callback):
    """Callback that logs samples per second and the peak of memory, without a synchronisation.

    It logs after the Lightning batch in which a loss was logged. Time in validation and between
    runs does not count. Memory is that of the GPU since training began, or that of the process.
    These values differ between equal runs, so they are not in `metrics.csv`, which is a function
    of the settings.

    Args:
        batch_size: samples of an optimiser step, over all processes.
        log_every: optimiser steps between logged losses.

    Attributes:
        latest: values that were logged last, by name.
    """

    def __init__(self, *, batch_size: int, log_every: int) -> None:
        self.batch_size, self.log_every = batch_size, log_every
        self.latest: dict[str, float] = {}
        self._step, self._since = 0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count from here."""
        self._step, self._since = trainer.global_step, time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Log the values since they were logged last, if due."""
        step = trainer.global_step
        if step // self.log_every == self._step // self.log_every:
            return
        now = time.perf_counter()
        rate = (step - self._step) * self.batch_size / (now - self._since)
        memory = _peak_memory(trainer.strategy.root_device)
        self.latest = {f"{MACHINE}samples_per_second": rate, f"{MACHINE}peak_memory_gb": memory}
        self._step, self._since = step, now
        for logger in trainer.loggers:
            logger.log_metrics(self.latest, step=step)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock."""
        self._since -= time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the clock go on."""
        self._since += time.perf_counter()


def _peak_memory(device: torch.device) -> float:
    """Largest memory in use so far, in gigabytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
