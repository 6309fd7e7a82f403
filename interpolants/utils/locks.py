"""Exclusive use of files and folders by one process."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import final

from filelock import FileLock, Timeout

from interpolants.utils.log import to_stderr

_RETRIES = 20


@final
class SoleUser:
    """Context in which this process alone uses what a lock file stands for.

    The operating system releases the lock when the process ends, however it ends. The file holds
    the number of its process and the name of its host, and is deleted with the lock.

    Args:
        lock: the lock file; its folder is created, and deleted with the lock if it is empty then.
        what: first part of the error message: a setting, its rule and its value.
        fix: what the user can do if another process holds the lock.
        wait: whether to wait for the other process instead of raising an error.
    """

    def __init__(self, lock: str | Path, what: str, fix: str = "", *, wait: bool = False) -> None:
        self.path, self.what, self.fix, self.wait = Path(lock), what, fix, wait
        self._record = f"{os.getpid()} {socket.gethostname()}"
        self._lock: FileLock | None = None

    def __enter__(self) -> SoleUser:
        for _ in range(_RETRIES):
            # An owner that ends between two of these calls deletes the folder.
            with suppress(FileNotFoundError, FileExistsError):
                return self._take()
        return self._take()

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        lock, self._lock = self._lock, None
        if lock is None:
            return
        with suppress(OSError):
            if self._holds_file():
                self.path.unlink()  # first: a process that waits for it sees that it is gone
        lock.release()
        if self._made_folder:
            with suppress(OSError):
                self.path.parent.rmdir()

    def renew(self) -> None:
        """Take the lock again if its file was deleted, such as with the folder.

        Raises:
            BlockingIOError: if another process took it in between.
        """
        if self._lock is not None and not self._holds_file():
            self.__exit__()
            self.__enter__()

    def _take(self) -> SoleUser:
        self._made_folder = not self.path.parent.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path, thread_local=False)
        self._acquire(lock)
        self._lock = lock
        self.path.write_text(self._record)
        return self

    def _holds_file(self) -> bool:
        """True if the lock file is there and names the process that took it."""
        with suppress(OSError):
            return self.path.read_text() == self._record
        return False

    def _acquire(self, lock: FileLock) -> None:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            text = f"{self.what}, which {self._owner()} uses"
            if not self.wait:
                fix = f"; {self.fix}" if self.fix else ""
                raise BlockingIOError(text + fix) from None
            to_stderr(f"{text}; waiting for it")
            lock.acquire()

    def _owner(self) -> str:
        with suppress(OSError, ValueError):
            number, host = self.path.read_text().split()
            return f"process {number} on {host}"
        return "another process"


def is_free(lock: Path) -> bool:
    """True if no process holds a lock; a lock file that a killed process left is deleted."""
    try:
        with SoleUser(lock, ""):
            return True
    except BlockingIOError:
        return False
