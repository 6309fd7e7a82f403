"""Tests reach no other machine."""

import socket

import pytest


@pytest.mark.parametrize("name", ["connect", "connect_ex"])
@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "192.0.2.1"),
        (socket.AF_INET, "example.invalid"),
        (socket.AF_INET6, "2001:db8::1"),
    ],
)
def test_network_is_out_of_reach(name, family, host):
    with (
        socket.socket(family, socket.SOCK_DGRAM) as client,
        pytest.raises(RuntimeError, match="a test tried to connect to"),
    ):
        getattr(client, name)((host, 9))


def test_network_library_functions_are_stopped_too():
    with pytest.raises(RuntimeError, match="a test tried to connect to"):
        socket.create_connection(("192.0.2.1", 9), timeout=1)


def test_network_of_this_machine_stays_open(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
