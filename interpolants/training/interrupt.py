"""Ctrl-C that ends a run at a state it can resume from."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any, final

import lightning.pytorch as pl

from interpolants.training.checkpoints import validation_follows

_NOTICE = b"\nfinishing this step, saving, then stopping; press again to stop at once\n"


@final
class GracefulInterrupt(pl.Callback):
    """The first Ctrl-C ends training after the present Lightning batch, the second at once.

    It raises KeyboardInterrupt between two batches, or in validation. Lightning then lets every
    callback save and ends the process with status 1. With several processes all stop at the
    same batch.

    The handler is in place from the start of training to its end, in the main thread only.
    """

    def __init__(self) -> None:
        self._asked = False
        self._previous: Any = None
        self._is_speaker = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take over SIGINT."""
        self._asked = False
        self._is_speaker = trainer.is_global_zero
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._on_signal)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Stop here if asked, unless validation follows and is the better place to resume at."""
        if self._wanted(trainer) and not validation_follows(trainer):
            raise KeyboardInterrupt

    def on_validation_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stop before a batch of validation if asked; a resumed run begins with validation.

        The validation after the last step is let through: a finished run does not repeat it.
        """
        if self._wanted(trainer) and trainer.global_step != trainer.max_steps:
            raise KeyboardInterrupt

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give SIGINT back, and stop what comes after training if asked."""
        self._restore()
        if self._wanted(trainer):
            raise KeyboardInterrupt

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Give SIGINT back."""
        self._restore()

    def _wanted(self, trainer: pl.Trainer) -> bool:
        if trainer.world_size == 1:
            return self._asked
        return trainer.strategy.reduce_boolean_decision(self._asked, all=False)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        if self._is_speaker:
            # Unbuffered, since a handler may run in the middle of a buffered write.
            os.write(2, _NOTICE)

    def _restore(self) -> None:
        # Lightning ignores SIGINT while it stops; only our own handler is taken away.
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) == self._on_signal:
            signal.signal(signal.SIGINT, self._previous)
