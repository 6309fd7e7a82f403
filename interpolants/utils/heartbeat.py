"""Signs of life between processes that wait for each other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, final

from torch import distributed

from interpolants.utils.log import Log, to_stderr

_SECONDS = 5.0
_SPEAK_AFTER = 60.0
_LEAVE_AFTER = 30.0
# Value of a process that no longer counts.
_END = "end"


@final
class Heartbeat:
    """Counter of each process that a thread raises every 5 seconds for the others to see.

    A process whose counter stands still for a minute, because it is stopped or its machine is
    gone, is named in a line. Time is counted in this process's own beats, so that a job which is
    suspended as a whole does not end. If the store is lost, the process that kept it has ended,
    and this one ends too unless it does so by itself within 30 seconds.

    Args:
        store: counters by name, such as a `TCPStore`.
        rank, world_size: number of this process, and of all.
        patience: seconds after which this process ends with status 1 if another stands still; no
            limit if None.
        log: called with lines.
        end: called with the reason when this process has to end.
    """

    def __init__(
        self,
        store: Any,
        rank: int,
        world_size: int,
        patience: float | None = None,
        log: Log = to_stderr,
        end: Log | None = None,
    ) -> None:
        self._store, self._rank, self._world_size = store, rank, world_size
        self._patience, self._log, self._end = patience, log, end or _leave
        self._count = 0
        self._seen: dict[int, str] = {}
        self._still = {k: 0.0 for k in range(world_size) if k != rank}
        self._closed = threading.Event()

    def start(self) -> Heartbeat:
        """Start the thread."""
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def close(self) -> None:
        """End the thread; others no longer expect a sign."""
        self._closed.set()

    def beat(self) -> None:
        """Raise the own counter, and look at the others.

        Raises:
            RuntimeError: if the store is lost.
        """
        self._count += 1
        self._store.set(_key(self._rank), str(self._count))
        for other, still in self._still.items():
            value = self._value(other)
            moved = value != self._seen.get(other) or value == _END
            self._seen[other] = value
            now = 0.0 if moved else still + _SECONDS
            self._still[other] = now
            text = f"process {other} of {self._world_size} has not answered for {now:.0f} s"
            if now == _SPEAK_AFTER:
                self._log(f"{text}: it may be stopped; this one waits (limit: patience=SECONDS)")
            if self._patience is not None and now >= self._patience:
                self._end(f"{text}, the limit set by patience; continue with resume=auto")

    def _value(self, other: int) -> str:
        if not self._store.check([_key(other)]):
            return ""
        value: bytes = self._store.get(_key(other))
        return value.decode()

    def _run(self) -> None:
        try:
            while not self._closed.wait(_SECONDS):
                self.beat()
            self._store.set(_key(self._rank), _END)
        except RuntimeError:
            if not self._closed.wait(_LEAVE_AFTER):
                self._end("the process that this one was started with has ended")


def heartbeat_of(
    rank: int,
    world_size: int,
    patience: float | None,
    before_end: Callable[[], None] | None = None,
) -> Heartbeat:
    """Heartbeat of a process of a process group, through the store at MASTER_ADDR, started.

    Args:
        rank, world_size, patience: as of `Heartbeat`.
        before_end: called before this process ends itself.
    """

    def end(reason: str) -> None:
        if before_end is not None:
            before_end()
        _leave(reason)

    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = distributed.TCPStore(address, port, is_master=False)  # type: ignore[attr-defined]
    return Heartbeat(store, rank, world_size, patience, end=end).start()


def _key(rank: int) -> str:
    return f"interpolants/alive/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{rank}"


def _leave(reason: str) -> None:
    """End the process; its main thread waits in a call that cannot be interrupted."""
    to_stderr(f"error: {reason}")
    os._exit(1)
