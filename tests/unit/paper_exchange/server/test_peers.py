"""The kernel names the user at the other end of a connection, asked or by its table."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paper_exchange.server import peers
from paper_exchange.server.peers import CannotAskError, ask_kernel, look_up, owner

_LINE = "   1: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {user} 0 {inode} 1 0"
CLIENT, SERVER = ("127.0.0.1", 0x9C40), ("127.0.0.1", 0x1F90)
_ADDRESS = "0100007F" if sys.byteorder == "little" else "7F000001"


def table(path: Path, *, state: str = "01", user: int = 1001, inode: int = 77) -> Path:
    ends = {"local": f"{_ADDRESS}:9C40", "remote": f"{_ADDRESS}:1F90"}
    ours = {"local": ends["remote"], "remote": ends["local"]}
    lines = [
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
        _LINE.format(**ours, state="01", user=0, inode=5),
        _LINE.format(**ends, state=state, user=user, inode=inode),
    ]
    path.write_text("\n".join(lines), encoding="ascii")
    return path


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's and a server's end of one connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as client,
        listening.accept()[0] as accepted,
    ):
        yield client, accepted


def test_a_connections_other_end_is_its_users(ends: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = ends
    user = owner(client.getsockname(), accepted.getsockname())
    if Path("/proc/net/tcp").exists():
        assert user == str(os.getuid())


def test_the_kernel_is_asked_about_one_connection(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    client, accepted = ends
    there, here = client.getsockname(), accepted.getsockname()
    try:
        assert ask_kernel(there, here) == str(os.getuid())
    except CannotAskError:
        pytest.skip("this kernel answers no questions about single connections")
    client.close()
    assert ask_kernel(there, here) is None
    assert ask_kernel((there[0], 1), here) is None


def test_the_table_is_read_where_the_kernel_cannot_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(*_: object) -> None:
        raise CannotAskError

    monkeypatch.setattr(peers, "ask_kernel", deaf)
    assert owner(CLIENT, SERVER, table(tmp_path / "tcp")) == "1001"
    assert owner(CLIENT, SERVER, tmp_path / "missing") is None


@pytest.mark.parametrize("changes", [{"state": "06"}, {"inode": 0}, {"state": "05", "user": 0}])
def test_a_connection_that_nobody_holds_any_more_is_nobodys(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """The kernel calls it root's, whose limit a stranger must not use up."""
    assert look_up(table(tmp_path / "tcp", **changes), CLIENT, SERVER) is None
