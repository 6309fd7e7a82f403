"""Several processes that share work, as `torchrun` starts them."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from torch import distributed

# Far beyond any job: a process that ends early ends the wait of the others.
_PATIENCE = datetime.timedelta(days=365)
_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")

_TOLD = (*_VARIABLES, "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")

T = TypeVar("T")


class Ranks(NamedTuple):
    """Which of several processes this is.

    Attributes:
        rank: its number, from 0 to world_size - 1.
        world_size: how many there are.
        local_rank: its number among those on the same machine.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @classmethod
    def of_environment(cls) -> Ranks:
        """As `torchrun` tells; the only process without it, and to itself where others started
        it by other means."""
        told = [os.environ.get(name, "") for name in _VARIABLES]
        by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
        return cls(*map(int, told)) if all(told) and by_torchrun else cls()

    def device(self, name: str) -> str:
        """What this process takes `name` for: of several, each has a `cuda` of its own."""
        return f"cuda:{self.local_rank}" if name == "cuda" and self.world_size > 1 else name

    @contextmanager
    def joined(self) -> Iterator[None]:
        """A stretch in which the processes can reach each other."""
        if self.world_size == 1:
            yield
            return
        with _others():
            distributed.init_process_group("gloo", timeout=_PATIENCE)
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def agreed(self, value: T) -> T:
        """What the first process has; plain data.

        Raises:
            ConnectionError: if another process ends before that.
        """
        if self.world_size == 1:
            return value
        box = [value]
        with _others():
            distributed.broadcast_object_list(box, src=0)
        return box[0]

    def first_finds(self, find: Callable[[], str]) -> str:
        """What the first process finds, before there is a group of processes.

        It goes through the store that `torchrun` keeps for them, so that a group can be made
        afterwards by others.

        Raises:
            ConnectionError: if the first process found nothing.
        """
        if self.world_size == 1:
            return find()
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = distributed.TCPStore(address, port, is_master=False, timeout=_PATIENCE)  # type: ignore[attr-defined]
        key = f"interpolants/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
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
        """Go on when all processes are here.

        Raises:
            ConnectionError: if another process ends before that.
        """
        if self.world_size > 1:
            with _others():
                distributed.barrier()


@contextmanager
def own_environment() -> Iterator[None]:
    """A stretch after which the environment tells of no processes but those it told of before:
    Lightning leaves there what it tells those that it starts."""
    before = {name: os.environ.get(name) for name in _TOLD}
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
    """A stretch in which several processes work together.

    Raises:
        ConnectionError: where one of them ended, in place of what its neighbours' transport says.
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
    """What is raised where another process ended, in words of ours."""
    try:
        yield
    except RuntimeError as error:
        text = "another process ended before its work was done; see what it says"
        raise ConnectionError(text) from error
