"""Clean shutdown of distributed training."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import lightning.pytorch as pl
from torch import distributed

from interpolants.training.guard import NonFiniteLossError
from interpolants.training.interrupt import GracefulInterrupt
from interpolants.utils.ranks import lost_processes


@contextmanager
def distributed_training(trainer: pl.Trainer, callbacks: Sequence[pl.Callback]) -> Iterator[None]:
    """Context in which all processes of a run train, with a clean shutdown.

    If all processes stop together, after a signal or a non-finite loss, only the first one raises
    the exception, which is then reported once; the others exit with status 0, so that the launcher
    does not kill the first one. An error in one process kills those that it started. Finally no
    process waits for another, and the job is requeued if that was requested.

    Raises:
        ConnectionError: if another process exited.
    """
    try:
        with lost_processes(trainer.world_size):
            yield
    except (SystemExit, NonFiniteLossError):
        if trainer.global_rank:
            raise SystemExit(0) from None
        raise
    except Exception:
        if trainer.strategy.launcher is not None:
            trainer.strategy.launcher.kill(signal.SIGKILL)
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
        for callback in callbacks:
            if isinstance(callback, GracefulInterrupt):
                callback.finish()
