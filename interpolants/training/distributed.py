"""Clean shutdown of distributed training."""

from __future__ import annotations

import faulthandler
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import final

import lightning.pytorch as pl
from torch import distributed

from interpolants.training.guard import NonFiniteLossError
from interpolants.training.interrupt import GracefulInterrupt
from interpolants.utils.heartbeat import Heartbeat, heartbeat_of
from interpolants.utils.ranks import lost_processes

_LONGEST_END = 40.0


@contextmanager
def distributed_training(trainer: pl.Trainer, callbacks: Sequence[pl.Callback]) -> Iterator[None]:
    """Context in which all processes of a run train, with a clean shutdown.

    If all processes stop together, after a signal or a non-finite loss, only the first one raises
    the exception, which is then reported once; the others exit with status 0, so that the launcher
    does not kill the first one. An error in one process kills those that it started. Finally no
    process waits for another, and the job is requeued if that was requested. If anything holds a
    process for 40 seconds after an error, it prints where, and ends.

    Raises:
        ConnectionError: if another process exited.
    """
    faulthandler.cancel_dump_traceback_later()
    try:
        with lost_processes(trainer.world_size):
            yield
    except (SystemExit, NonFiniteLossError):
        if trainer.global_rank:
            raise SystemExit(0) from None
        raise
    except Exception:
        kill_started(trainer)
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
        for callback in callbacks:
            if isinstance(callback, Heart):
                callback.stop()
            if isinstance(callback, GracefulInterrupt):
                callback.finish()


@final
class Heart(pl.Callback):
    """Callback by which several processes see each other's signs of life.

    Args:
        patience: as of `Heartbeat`.
    """

    def __init__(self, patience: float | None) -> None:
        self.patience = patience
        self._heartbeat: Heartbeat | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Start, if there are several processes."""
        if trainer.world_size > 1:
            kill = partial(kill_started, trainer)
            ranks = trainer.global_rank, trainer.world_size
            self._heartbeat = heartbeat_of(*ranks, self.patience, kill)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Make sure that this process ends, even if something blocks on the way out."""
        if trainer.world_size > 1 and isinstance(exception, Exception):
            faulthandler.dump_traceback_later(_LONGEST_END, exit=True, file=2)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """End the signs, before other processes may end."""
        self.stop()

    def stop(self) -> None:
        """End the signs, if that has not been done."""
        if self._heartbeat is not None:
            self._heartbeat.close()
            self._heartbeat = None


def kill_started(trainer: pl.Trainer) -> None:
    """Kill the processes that this one started to train with."""
    if trainer.strategy.launcher is not None:
        trainer.strategy.launcher.kill(signal.SIGKILL)
