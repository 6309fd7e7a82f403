"""Signals that stop training, and processes that must not follow them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NAMES = ("SIGINT", "SIGHUP", "SIGTERM", "SIGUSR1", "SIGUSR2")
STOPPING = {getattr(signal, name) for name in _NAMES if hasattr(signal, name)}
"""Signals that stop training at a state to resume from."""


@contextmanager
def signals_held() -> Iterator[None]:
    """Context in which these signals wait; processes started in it hold them too."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_signals_to_parent(worker: int = 0) -> None:
    """Ignore these signals in a process that prepares batches.

    Signals to a process group, as of Slurm or a terminal, reach these processes too, but training
    goes on to a state that can be saved. SIGTERM ends such a process if its parent sent it.
    """
    ignored = STOPPING - {signal.SIGTERM}
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_for, args=[os.getppid()], daemon=True).start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ignored)


def _end_for(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
