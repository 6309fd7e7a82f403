"""Values and states of callbacks of the user, exact over restarts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, final

import lightning.pytorch as pl

from interpolants.training.checkpoints import validation_follows
from interpolants.utils.checks import check

_IN_BATCH = ("on_train_batch_start", "on_train_batch_end")
_RULE = (
    f"on_step alone in {' and '.join(_IN_BATCH)}, and on_epoch alone in on_train_epoch_end and in "
    "validation"
)
_FIX = "keep sums and means in the callback's state, and log them there"


@final
class OwnRecord(pl.Callback):
    """Callback after those of the user, which logs their values and knows their states.

    Lightning logs after all callbacks of a batch, so that a run that was saved or stopped by one
    would lack these values; and it repeats them until the next validation, except in a run that
    continues between. Values over several batches are not saved in checkpoints, so that they are
    refused, and so are those of one validation batch, which Lightning does not count by step.

    A validation that is stopped is repeated, by callbacks in the states before it.

    Args:
        own: callbacks of the user.
    """

    def __init__(self, own: Sequence[pl.Callback]) -> None:
        self.own = own
        self._before: dict[str, Any] = {}
        self._step = -1

    def is_complete(self, trainer: pl.Trainer) -> bool:
        """True if each callback has seen the last batch, which none does after an error of one."""
        return self._step == trainer.global_step

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the states that the run begins or continues with."""
        self._step = trainer.global_step
        self._before = self._states()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Log the values of this batch, each once, and note the states before a validation.

        Raises:
            ValueError: for a value that a run that continues would log otherwise.
        """
        connector, results = trainer._logger_connector, trainer._results
        assert results is not None
        for _, result in results.valid_items():
            meta = result.meta
            level = "on_epoch" if meta.on_epoch else "on_step"
            fits = meta.fx in _IN_BATCH and not meta.on_epoch
            check(fits, f"log({meta.name!r})", _RULE, f"{level} in {meta.fx}", _FIX)
        connector.on_batch_end()
        connector.log_metrics(connector.metrics["log"], step=trainer.global_step)
        for result in results.values():
            result._forward_cache = None
        self._step = trainer.global_step
        if validation_follows(trainer):
            self._before = self._states()

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Refuse values of one validation batch.

        Raises:
            ValueError: for the first.
        """
        assert trainer._results is not None
        for _, result in trainer._results.valid_items():
            meta = result.meta
            check(not meta.on_step, f"log({meta.name!r})", _RULE, f"on_step in {meta.fx}", _FIX)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Save the states before a validation that was stopped."""
        progress = trainer.fit_loop.epoch_loop.val_loop.batch_progress.current
        if trainer.validating and progress.completed < progress.ready:
            checkpoint["callbacks"] |= self._before

    def _states(self) -> dict[str, Any]:
        states = ((each.state_key, each.state_dict()) for each in self.own)
        return {key: copy.deepcopy(state) for key, state in states if state}
