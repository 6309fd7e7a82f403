"""Stop at non-finite losses or weights, before they reach a checkpoint."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, final

import lightning.pytorch as pl
import torch
from torch import Tensor, distributed

from interpolants.training.module import TrainingModule
from interpolants.utils.checks import check

_ADVICE = "lower the learning rate, clip gradients, or draw times further from 0 and 1"

# Steps taken, losses, their times and data, of one Lightning batch.
_Pending = tuple[int, Tensor, Tensor | None, Any]


class NonFiniteLossError(RuntimeError):
    """Error for a loss or weights that are not finite.

    Args:
        what: the fault, as a sentence without its full stop.
        checkpoint: the last good checkpoint; empty if there is none.
        step: index of the optimiser step, from 0; None if only the weights show the fault.
        cause: the cause, with advice; empty if it is not known.
    """

    def __init__(
        self, what: str, checkpoint: str, step: int | None = None, cause: str = ""
    ) -> None:
        kept = f"the last good checkpoint is {checkpoint}" if checkpoint else "no checkpoint yet"
        super().__init__(f"{what}; {kept}; {cause or _ADVICE}")
        self.step = step
        self._arguments = (what, checkpoint, step, cause)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments


@final
class NonFiniteGuard(pl.Callback):
    """Callback that raises `NonFiniteLossError` for the first non-finite loss.

    It checks the sum of a Lightning batch's losses, which synchronises the device once. On a GPU
    the losses of several batches are checked together. Before a checkpoint is written, the
    remaining losses and the weights are checked, so no checkpoint contains non-finite weights.

    `training_step` returns `losses` (k,), one per optimiser step, and their times, if any, as `t`
    (k, B). Data outside of their space, such as rare draws of a distribution, are named as the
    cause. Several processes stop together, with the error of the first one that has a fault.

    Args:
        check_every_n_batches: Lightning batches per check on a GPU, at least 1.

    Raises:
        ValueError: if `check_every_n_batches` is below 1.
    """

    def __init__(self, *, check_every_n_batches: int = 10) -> None:
        rule = "an integer >= 1"
        ok = isinstance(check_every_n_batches, int) and check_every_n_batches >= 1
        check(ok, "NonFiniteGuard.check_every_n_batches", rule, check_every_n_batches)
        self.check_every_n_batches = check_every_n_batches
        self._pending: list[_Pending] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop the losses of an earlier run that was stopped."""
        self._pending = []

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the remaining losses."""
        self._check(trainer)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Collect the batch's losses and check them, on a GPU every few batches."""
        losses: Tensor = outputs["losses"]
        self._pending.append((trainer.global_step, losses, outputs.get("t"), batch))
        if losses.device.type == "cpu" or len(self._pending) >= self.check_every_n_batches:
            self._check(trainer)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Raise an error instead of a checkpoint with non-finite losses or weights."""
        self._check(trainer)
        weights = [w for w in checkpoint["state_dict"].values() if w.is_floating_point()]
        # Sharded weights are complete only on the first process.
        if weights and not all(torch.stack([torch.isfinite(w).all() for w in weights]).tolist()):
            what = f"weights are not finite after step {trainer.global_step - 1}"
            raise NonFiniteLossError(what, _last_good(trainer))

    def _check(self, trainer: pl.Trainer) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        losses = pending[0][1] if len(pending) == 1 else torch.cat([each[1] for each in pending])
        fine = math.isfinite(losses.sum().item())
        if trainer.world_size == 1:
            if not fine:
                raise _fault(trainer, pending)
        elif not trainer.strategy.reduce_boolean_decision(fine, all=True):
            # All stop here, with the same error.
            faults: list[NonFiniteLossError | None] = [None] * trainer.world_size
            own = None if fine else _fault(trainer, pending)
            distributed.all_gather_object(faults, own)
            raise next(fault for fault in faults if fault is not None)


def _fault(trainer: pl.Trainer, pending: list[_Pending]) -> NonFiniteLossError:
    """Error for the first loss that is not finite."""
    for end, losses, times, chunk in pending:
        for i, loss in enumerate(losses.tolist()):
            if math.isfinite(loss):
                continue
            step = end - losses.numel() + i
            what = f"the loss is {loss} at step {step}"
            if times is not None:
                low, high = times[i].min().item(), times[i].max().item()
                what = f"{what}, with times t in [{low:.4g}, {high:.4g}]"
            cause = _outside(trainer.lightning_module, chunk, i)
            return NonFiniteLossError(what, _last_good(trainer), step, cause)
    # Each loss is finite, but not their sum.
    return NonFiniteLossError("the losses are too large", _last_good(trainer))


def _outside(module: pl.LightningModule, chunk: Any, i: int) -> str:
    """Error of the data's space for step i of a chunk; empty if the batch is inside."""
    if isinstance(module, TrainingModule):
        try:
            module.trainable.check_batch(chunk[i].batch)
        except ValueError as error:
            return f"its batch has data outside of their space: {error}"
    return ""


def _last_good(trainer: pl.Trainer) -> str:
    callbacks = trainer.checkpoint_callbacks
    names = ("last_model_path", "best_model_path")
    paths = [str(getattr(callback, name, "")) for name in names for callback in callbacks]
    # Lightning names its best file before it is written.
    return next((path for path in paths if Path(path).is_file()), "")
