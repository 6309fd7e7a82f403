"""Power-function averages of the weights, for post-hoc EMA."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import lightning.pytorch as pl
import torch
from torch import Tensor

from interpolants.checkpoint.ema_profiles import gamma_of, snapshot_file, snapshot_steps
from interpolants.training.ema import trainable
from interpolants.utils.checks import check, check_count
from interpolants.utils.files import replace
from interpolants.utils.locks import SoleUser


@final
class PowerEMA(pl.Callback):
    """Power-function averages of the trainable parameters, with snapshots in files.

    After step t an average moves by a <- b a + (1 - b) w with b = (1 - 1/t)^(gamma + 1), where
    gamma is the power of its relative width. It moves once per Lightning batch, as `EMA`
    does: over the steps from s to t, b = (s / t)^(gamma + 1), the product of the steps' own; a
    shorter batch at the end of a run is treated as there.
    `interpolants.checkpoint.ema_profiles.reconstruct` computes averages of other lengths from the
    snapshots. Each takes the memory of the weights, on the device and in every file; one process
    writes.

    A run resumed from a checkpoint without averages starts them at its weights. Files of steps
    after the one at which a run resumes are deleted.

    Args:
        folder: folder of the snapshots, one file for each step.
        every_n_steps: optimiser steps between snapshots; the last step has one too.
        sigma_rels: relative widths, each in (0, 0.25].
        batch_steps: as of `EMA`.

    Raises:
        ValueError: if `every_n_steps` is not a whole number > 0, or a width is out of range.
        BlockingIOError: when training starts, if another process writes to the folder.
    """

    def __init__(
        self,
        *,
        folder: str | Path,
        every_n_steps: int,
        sigma_rels: Sequence[float] = (0.05, 0.10),
        batch_steps: int = 1,
    ) -> None:
        check_count("power_ema", every_n_steps)
        self.folder, self.every_n_steps = Path(folder), every_n_steps
        self.sigma_rels, self.batch_steps = list(sigma_rels), batch_steps
        self._powers = [gamma_of(width) for width in self.sigma_rels]
        self._step = self._written = 0
        self._averages: list[dict[str, Tensor]] = []
        self._before: tuple[int, list[dict[str, Tensor]]] | None = None
        what = f"power_ema: expected a folder that no other process writes, got {folder}"
        self._owner = SoleUser(self.folder / ".lock", what)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start from the present weights, unless averages were loaded."""
        parameters = trainable(pl_module)
        if not self._averages:
            self._step = self._written = trainer.global_step
            self._averages = [
                {n: p.detach().clone() for n, p in parameters.items()} for _ in self._powers
            ]
        for averages in self._averages:
            for name, parameter in parameters.items():
                averages[name] = averages[name].to(parameter.device)
        if trainer.is_global_zero:
            self._owner.__enter__()
            for step in snapshot_steps(self.folder):
                if step > trainer.global_step:  # training may differ from here on
                    snapshot_file(self.folder, step).unlink()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Average over the optimiser steps since the last update; write if due."""
        self._update(trainer.global_step, pl_module)
        if self._step // self.every_n_steps > self._written // self.every_n_steps:
            self._write(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the averages of the last step."""
        if self._step > self._written:
            self._write(trainer)
        self._owner.__exit__()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave the folder to others."""
        self._owner.__exit__()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the averages under a separate key."""
        if self._averages:
            # Another callback may have stopped the batch before this one's update.
            self._update(trainer.global_step, pl_module)
            checkpoint["power_ema"] = {
                "sigma_rel": self.sigma_rels,
                "last_step": self._step,
                "written": self._written,
                "weights": self._averages,
            }
            if self._before is not None:
                step, averages = self._before
                checkpoint["power_ema"]["before"] = {"last_step": step, "weights": averages}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Resume the averages, if the checkpoint has any.

        Raises:
            ValueError: if they are of other widths.
        """
        if "power_ema" in checkpoint:
            state = checkpoint["power_ema"]
            rule = f"{state['sigma_rel']} as in the checkpoint"
            same = state["sigma_rel"] == self.sigma_rels
            check(same, "PowerEMA.sigma_rels", rule, self.sigma_rels)
            self._written = state["written"]
            state, self._before = state.get("before", state), None
            self._step = state["last_step"]
            self._averages = [dict(weights) for weights in state["weights"]]

    def _update(self, step: int, pl_module: pl.LightningModule) -> None:
        if step <= self._step:
            return
        if self._before is not None:
            (self._step, self._averages), self._before = self._before, None
        if step % self.batch_steps:
            copies = [{n: a.clone() for n, a in each.items()} for each in self._averages]
            self._before = self._step, copies
        parameters = trainable(pl_module)
        with torch.no_grad():
            for power, averages in zip(self._powers, self._averages, strict=True):
                moved = 1 - (self._step / step) ** (power + 1)
                torch._foreach_lerp_(
                    [averages[n] for n in parameters], [*parameters.values()], moved
                )
        self._step = step

    def _write(self, trainer: pl.Trainer) -> None:
        self._written = self._step
        if trainer.is_global_zero:
            weights = [{n: w.cpu() for n, w in averages.items()} for averages in self._averages]
            content = {"step": self._step, "sigma_rel": self.sigma_rels, "weights": weights}
            path = snapshot_file(self.folder, self._step)
            replace(path, lambda file: torch.save(content, file), sync=True)
