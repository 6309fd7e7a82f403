"""Signals that stop a run at a state to resume from."""

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
from interpolants.training.signals import STOPPING

_NOTICE = b"\nfinishing this step, saving, then stopping; press again to stop at once\n"

# Requested ends of a run, the later the more urgent.
_GO_ON, _INTERRUPT, _HANG_UP, _TERMINATE, _REQUEUE = range(5)
# Slurm sends the last two before a job's time limit, if asked to; submitit uses SIGUSR2.
_REQUEUE_SIGNALS = ("SIGUSR1", "SIGUSR2")
_ASKED = {"SIGINT": _INTERRUPT, "SIGHUP": _HANG_UP, "SIGTERM": _TERMINATE}


class HangUpException(SIGTERMException):
    """Exception that stops training since the terminal was closed.

    Attributes:
        status: exit status of the process.
    """

    status = 129


@final
class GracefulInterrupt(pl.Callback):
    """Callback that stops training after the present Lightning batch on a signal.

    It raises between two batches, or in validation, so that callbacks save: KeyboardInterrupt for
    Ctrl-C, which ends the process with status 1, and immediately if pressed again;
    SIGTERMException for SIGTERM, and for SIGUSR1 and SIGUSR2, which also request that the job be
    requeued; HangUpException for SIGHUP, unless nohup ignores it. Several processes stop at the
    same batch if any of them got the signal; on GPUs they communicate every few batches, since
    that synchronises the device.

    The handlers are installed at the start of training, in the main thread only, and removed by
    Lightning when all is saved. They replace Lightning's own, which communicate with other
    processes inside a handler.

    Args:
        check_every_n_batches: batches per check, for several processes on GPUs.
    """

    def __init__(self, *, check_every_n_batches: int = 10) -> None:
        self.check_every_n_batches = check_every_n_batches
        self._asked = _GO_ON
        self._batches = 0
        self._previous: dict[int, Any] = {}
        self._is_speaker = True
        self._requeue: Callable[[], Any] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the signal handlers."""
        self._asked = _TERMINATE if trainer.received_sigterm else _GO_ON
        self._batches, self._requeue = 0, None
        self._is_speaker = trainer.is_global_zero
        # Lightning would ask the first process before every batch whether it got a signal.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = _nothing  # type: ignore[method-assign]
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                nohup = number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN
                if not nohup:
                    previous = signal.signal(number, self._on_signal)
                    # An earlier run of this process may have left its handler.
                    run = getattr(previous, "__self__", None)
                    if isinstance(run, GracefulInterrupt):
                        previous = run._previous.get(number)
                    self._previous[number] = previous

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Stop if requested, unless validation follows, after which it is better to resume."""
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
        """Stop before a validation batch if requested; a resumed run repeats the validation.

        The validation after the last step is not stopped, since a finished run does not repeat it.
        """
        if trainer.global_step != trainer.max_steps:
            self._stop(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the handler of Ctrl-C, and stop before the report if requested."""
        self._restore()
        self._stop(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Restore the handler of Ctrl-C."""
        self._restore()

    def finish(self) -> None:
        """Requeue the job, if requested; called when everything is saved."""
        if self._requeue is not None:
            self._requeue()

    def _stop(self, trainer: pl.Trainer) -> None:
        asked = self._asked
        if trainer.world_size > 1:
            own = torch.tensor(asked, device=trainer.strategy.root_device)
            asked = int(trainer.strategy.reduce(own, reduce_op="max"))
        if asked == _INTERRUPT:
            raise KeyboardInterrupt
        if asked == _HANG_UP:
            raise HangUpException
        if asked == _REQUEUE:
            self._requeue = self._requeuing(trainer.is_global_zero)
        if asked != _GO_ON:
            raise SIGTERMException

    def _requeuing(self, is_first: bool) -> Callable[[], Any] | None:
        """Function that requeues the job: the previous handler, or Slurm's command."""
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
        asked = _ASKED.get(signal.Signals(signum).name, _REQUEUE)
        if asked == _HANG_UP:
            _leave_terminal()
        self._asked = max(self._asked, asked)

    def _restore(self) -> None:
        # Lightning ignores SIGINT while it stops; only our own handler is removed.
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) == self._on_signal:
            signal.signal(signal.SIGINT, self._previous[signal.SIGINT])


def _leave_terminal() -> None:
    """Send output that would go to a closed terminal, where writing is an error, to nowhere."""
    for descriptor in (1, 2):
        if os.isatty(descriptor):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


def _slurm_job() -> str | None:
    """Id of this job for Slurm's commands; None outside of Slurm."""
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID")


def _nothing() -> None:
    pass
