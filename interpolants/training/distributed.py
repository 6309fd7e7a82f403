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
    """A stretch in which all processes of a run train.

    Where all stop by agreement, for a signal or a loss that is not finite, only the first process
    goes on with the exception, and tells how the run ended; the others leave with status 0, which
    no launcher takes for a failure that the first one must be killed for. An error of one process
    ends those that it started. Afterwards no process waits for another, and a job that is to be
    queued anew has been.

    Raises:
        ConnectionError: where another process ended.
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
