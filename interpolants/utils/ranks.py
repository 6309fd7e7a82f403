"""Processes that share work, as `torchrun` starts them."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from torch import distributed

from interpolants.utils.heartbeat import heartbeat_of

# Longer than any job: if one process exits early, the others stop waiting and raise an error; if
# it does not answer, the heartbeat says so.
_PATIENCE = datetime.timedelta(days=365)
_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")

_LAUNCH_VARIABLES = (*_VARIABLES, "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")

T = TypeVar("T")


class Ranks(NamedTuple):
    """Number of this process among several.

    Attributes:
        rank: its number, from 0 to world_size - 1.
        world_size: how many there are.
        local_rank: its number among those on the same machine.
        patience: seconds after which processes end that wait for one which does not answer; no
            limit if None. After a minute they say so.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    patience: float | None = None

    @classmethod
    def of_environment(cls) -> Ranks:
        """Ranks of this process as set by `torchrun`.

        Without `torchrun`, and under other launchers, it counts as the only process.
        """
        values = [os.environ.get(name, "") for name in _VARIABLES]
        by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
        return cls(*map(int, values)) if all(values) and by_torchrun else cls()

    def device(self, name: str) -> str:
        """Device of this process for the setting `name`: with several, each has its own `cuda`."""
        return f"cuda:{self.local_rank}" if name == "cuda" and self.world_size > 1 else name

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Context within which the processes can communicate."""
        if self.world_size == 1:
            yield
            return
        with _others():
            distributed.init_process_group("gloo", timeout=_PATIENCE)
        heartbeat = heartbeat_of(self.rank, self.world_size, self.patience)
        try:
            yield
        finally:
            heartbeat.close()
            distributed.destroy_process_group()

    def agreed(self, value: T) -> T:
        """Value of the first process, sent to all; plain data.

        Raises:
            ConnectionError: if another process ends before that.
        """
        if self.world_size == 1:
            return value
        box = [value]
        with _others():
            distributed.broadcast_object_list(box, src=0)
        return box[0]

    def first_finds(self, find: Callable[[], str], what: str = "run") -> str:
        """Result of `find` in the first process, before a process group exists.

        It is sent through the store of `torchrun`, so that other code can make the group later.

        Args:
            find: finds a text that is not empty.
            what: its name, by which the processes know it.

        Raises:
            ConnectionError: if the first process found nothing.
        """
        if self.world_size == 1:
            return find()
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = distributed.TCPStore(address, port, is_master=False, timeout=_PATIENCE)  # type: ignore[attr-defined]
        key = f"interpolants/{what}/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
        if self.rank == 0:
            found = ""
            try:
                found = find()
            finally:
                store.set(key, found)
            return found
        found = store.get(key).decode()
        if not found:
            raise ConnectionError("the first process of this run ended; see what it says")
        return found

    def wait(self) -> None:
        """Wait until all processes have called this.

        Raises:
            ConnectionError: if another process ends before that.
        """
        if self.world_size > 1:
            with _others():
                distributed.barrier()


@contextmanager
def own_environment() -> Iterator[None]:
    """Context after which the variables of distributed launches are as they were before.

    Lightning leaves those that it sets for the processes it starts.
    """
    before = {name: os.environ.get(name) for name in _LAUNCH_VARIABLES}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def lost_processes(world_size: int) -> Iterator[None]:
    """Context that turns the loss of another process into one clear error.

    Raises:
        ConnectionError: if another process ended, instead of the error of the transport.
    """
    try:
        yield
    except RuntimeError as error:
        of_transport = isinstance(error, distributed.DistError) or "gloo" in str(error)
        if world_size == 1 or not of_transport:
            raise
        text = "another process of this run ended; see what it says, and continue with resume=auto"
        raise ConnectionError(text) from error


@contextmanager
def _others() -> Iterator[None]:
    """Replace errors of the transport by one that says that another process ended."""
    try:
        yield
    except RuntimeError as error:
        text = "another process ended before its work was done; see what it says"
        raise ConnectionError(text) from error
