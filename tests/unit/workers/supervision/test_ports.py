"""Choosing ports on 127.0.0.1."""

import socket
from pathlib import Path

import pytest

from workers.supervision import ports
from workers.supervision.ports import NoFreePortError, free_port, is_free


def _listening() -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server does
    server.bind(("127.0.0.1", free_port()))
    server.listen()
    return server


def test_a_port_with_a_listener_is_not_free_until_it_closes() -> None:
    with _listening() as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_a_port_with_connections_in_time_wait_is_free() -> None:
    with _listening() as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first waits
            assert client.recv(1) == b""
    assert is_free(port)


def test_no_outgoing_connection_can_be_given_a_chosen_port() -> None:
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    low, high = (int(word) for word in text.split())
    if high - low > 50_000:
        pytest.skip("this machine hands out nearly every port")
    assert all(not low <= free_port() <= high for _ in range(50))


def test_taken_ports_are_not_drawn_and_a_full_machine_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "_outside_ephemeral_range", lambda: range(20_000, 20_002))
    monkeypatch.setattr(ports, "is_free", lambda port: port != 20_001)
    assert free_port() == 20_000
    with pytest.raises(NoFreePortError, match=r"no free port on 127\.0\.0\.1"):
        free_port(taken={20_000})
