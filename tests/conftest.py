"""What holds for every test: one thread, a fixed seed, no network, an empty home folder.

Python code of this process cannot connect to another machine. Processes that tests start are not
covered; those that would use the network are set to stay offline.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compute with one thread, and skip tests that need a GPU where there is none."""
    import torch  # not in the process that hands out tests to others, which waits for it

    torch.set_num_threads(1)
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a GPU"))


@pytest.fixture(params=["trainer=cpu", pytest.param("trainer=gpu", marks=pytest.mark.gpu)])
def trainer(request: pytest.FixtureRequest) -> str:
    """The setting of each device that there is."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _empty_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What an earlier run left there is not found, as on a machine of a new user."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("connect", "connect_ex"):
            monkeypatch.setattr(socket.socket, name, _only_here(getattr(socket.socket, name)))
        yield


def _only_here(connect: Callable[..., Any]) -> Callable[..., Any]:
    """`connect` for addresses of this machine: a file, or a loopback address."""

    def checked(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise RuntimeError(f"a test tried to connect to {address}")
        return connect(self, address)

    return checked


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
