"""Signals that end a run at a state it can resume from."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, final

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException

from interpolants.training.checkpoints import validation_follows

_NOTICE = b"\nfinishing this step, saving, then stopping; press again to stop at once\n"

# How a run is to end, the later the more urgent.
_GO_ON, _INTERRUPT, _TERMINATE, _REQUEUE = range(4)
_SIGNALS = {signal.SIGINT: _INTERRUPT, signal.SIGTERM: _TERMINATE}
# What Slurm is asked to send ahead of a job's end; submitit asks for the second.
_REQUEUE_SIGNALS = ("SIGUSR1", "SIGUSR2")


@final
class GracefulInterrupt(pl.Callback):
    """A signal ends training after the present Lightning batch.

    It raises between two batches, or in validation, and Lightning then lets every callback save:
    KeyboardInterrupt for Ctrl-C, which ends the process with status 1, and at once if pressed
    again; SIGTERMException for SIGTERM, and for SIGUSR1 and SIGUSR2 too, which ask for the job to
    be queued anew. With several processes all stop at the same batch, whichever got the signal;
    on GPUs they agree every few batches, since that waits for the device.

    The handlers are in place from the start of training, in the main thread only; Lightning
    takes them away when all is saved. They replace its own, which talk to other processes from
    within.

    Args:
        check_every_n_batches: how many batches of several processes on GPUs share one wait.
    """

    def __init__(self, *, check_every_n_batches: int = 10) -> None:
        self.check_every_n_batches = check_every_n_batches
        self._asked = _GO_ON
        self._batches = 0
        self._previous: dict[int, Any] = {}
        self._is_speaker = True
        self._requeue: Callable[[], Any] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take over the signals."""
        self._asked = _TERMINATE if trainer.received_sigterm else _GO_ON
        self._batches, self._requeue = 0, None
        self._is_speaker = trainer.is_global_zero
        # Asks the first process before every batch whether it got a signal.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = _nothing  # type: ignore[method-assign]
        if threading.current_thread() is threading.main_thread():
            requeue = [getattr(signal, name) for name in _REQUEUE_SIGNALS if hasattr(signal, name)]
            for number in (*_SIGNALS, *requeue):
                self._previous[number] = signal.signal(number, self._on_signal)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Stop here if asked, unless validation follows and is the better place to resume at."""
        self._batches += 1
        on_gpus = trainer.world_size > 1 and trainer.strategy.root_device.type != "cpu"
        waits = on_gpus and self._batches % self.check_every_n_batches
        if not waits and not validation_follows(trainer):
            self._stop(trainer)

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
        if trainer.global_step != trainer.max_steps:
            self._stop(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give Ctrl-C back, and stop what comes after training if asked."""
        self._restore()
        self._stop(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Give Ctrl-C back."""
        self._restore()

    def finish(self) -> None:
        """Queue the job anew, if that was asked for; called when everything is saved."""
        if self._requeue is not None:
            self._requeue()

    def _stop(self, trainer: pl.Trainer) -> None:
        asked = self._asked
        if trainer.world_size > 1:
            told = torch.tensor(asked, device=trainer.strategy.root_device)
            asked = int(trainer.strategy.reduce(told, reduce_op="max"))
        if asked == _INTERRUPT:
            raise KeyboardInterrupt
        if asked == _REQUEUE:
            self._requeue = self._requeuing(trainer.is_global_zero)
        if asked != _GO_ON:
            raise SIGTERMException

    def _requeuing(self, is_first: bool) -> Callable[[], Any] | None:
        """What queues the job anew: who listened before, or Slurm by its own command."""
        for name in reversed(_REQUEUE_SIGNALS):
            number = getattr(signal, name)
            previous = self._previous.get(number)
            if callable(previous):
                return lambda: previous(number, None)
        job = _slurm_job()
        if job is None or not is_first:
            return None
        return lambda: subprocess.run(["scontrol", "requeue", job], check=True)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGINT:
            if self._asked == _INTERRUPT:
                raise KeyboardInterrupt
            if self._is_speaker:
                # Unbuffered, since a handler may run in the middle of a buffered write.
                os.write(2, _NOTICE)
        self._asked = max(self._asked, _SIGNALS.get(signal.Signals(signum), _REQUEUE))

    def _restore(self) -> None:
        # Lightning ignores SIGINT while it stops; only our own handler is taken away.
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) == self._on_signal:
            signal.signal(signal.SIGINT, self._previous[signal.SIGINT])


def _slurm_job() -> str | None:
    """This job's name for Slurm's commands; None outside of Slurm."""
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID")


def _nothing() -> None:
    pass
