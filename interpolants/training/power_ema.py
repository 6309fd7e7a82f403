"""Averages that any other average can be made of after training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

import lightning.pytorch as pl
import torch
from torch import Tensor

from interpolants.checks import check_count
from interpolants.ema_profiles import gamma_of, snapshot_file
from interpolants.files import replace
from interpolants.training.ema import trainable

_WIDTHS = (0.05, 0.10)


@final
class PowerEMA(pl.Callback):
    """Two power-function averages of the trainable parameters, written down now and then.

    After step t an average moves by a <- b a + (1 - b) w with b = (1 - 1/t)^(gamma + 1), for the
    powers of the relative widths 0.05 and 0.10. It moves once per Lightning batch, as the
    averages that samples are drawn with do: over the steps from s to t, b = (s / t)^(gamma + 1).
    `interpolants.ema_profiles.reconstruct` makes others of them. They take twice the memory of
    the weights, on the device and in each file; one process writes.

    A run continued from a checkpoint without them begins as if its weights had been the same
    before.

    Args:
        folder: where the averages go, one file for each step.
        every_n_steps: optimiser steps between files; the last step has one too.

    Raises:
        ValueError: if `every_n_steps` is no whole number above 0.
    """

    def __init__(self, *, folder: str | Path, every_n_steps: int) -> None:
        check_count("power_ema", every_n_steps)
        self.folder, self.every_n_steps = Path(folder), every_n_steps
        self._powers = [gamma_of(width) for width in _WIDTHS]
        self._step = self._written = 0
        self._averages: list[dict[str, Tensor]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start from the present weights, unless averages were loaded."""
        parameters = trainable(pl_module)
        if not self._averages:
            self._step = self._written = trainer.global_step
            self._averages = [
                {n: p.detach().clone() for n, p in parameters.items()} for _ in _WIDTHS
            ]
        for averages in self._averages:
            for name, parameter in parameters.items():
                averages[name] = averages[name].to(parameter.device)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Average over the optimiser steps since the last update; write if due."""
        step, parameters = trainer.global_step, trainable(pl_module)
        with torch.no_grad():
            for power, averages in zip(self._powers, self._averages, strict=True):
                moved = 1 - (self._step / step) ** (power + 1)
                torch._foreach_lerp_(
                    [averages[n] for n in parameters], [*parameters.values()], moved
                )
        self._step = step
        if step // self.every_n_steps > self._written // self.every_n_steps:
            self._write(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what the last step left."""
        if self._step > self._written:
            self._write(trainer)

    def on_save_checkpoint(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Write the averages, to be continued, under a key of their own."""
        if self._averages:
            state = {"last_step": self._step, "written": self._written, "weights": self._averages}
            checkpoint["power_ema"] = state

    def on_load_checkpoint(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Continue the averages, if there are any."""
        if "power_ema" in checkpoint:
            state = checkpoint["power_ema"]
            self._step, self._written = state["last_step"], state["written"]
            self._averages = [dict(weights) for weights in state["weights"]]

    def _write(self, trainer: pl.Trainer) -> None:
        self._written = self._step
        if trainer.is_global_zero:
            weights = [{n: w.cpu() for n, w in averages.items()} for averages in self._averages]
            content = {"step": self._step, "sigma_rel": list(_WIDTHS), "weights": weights}
            path = snapshot_file(self.folder, self._step)
            replace(path, lambda file: torch.save(content, file), sync=True)
