"""Loopback's callers are told apart by their user, and everybody else by his address."""

import sys
from asyncio import BaseTransport
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from paper_exchange.server.callers import Callers

_LINE = "   1: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {user} 0 {inode} 1 0"
CLIENT, SERVER = ("127.0.0.1", 0x9C40), ("127.0.0.1", 0x1F90)
_ADDRESS = "0100007F" if sys.byteorder == "little" else "7F000001"


class _Transport(BaseTransport):
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": CLIENT, "sockname": SERVER}.get(name, default)


def request(remote: str = "127.0.0.1") -> web.BaseRequest:
    return cast(web.BaseRequest, SimpleNamespace(remote=remote, transport=_Transport()))


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


def test_a_local_caller_is_named_by_its_user(tmp_path: Path) -> None:
    path = table(tmp_path / "tcp")
    callers = Callers(path)
    first = request()
    assert callers.name_of(first) == "127.0.0.1 user 1001"
    path.unlink()
    assert callers.name_of(first) == "127.0.0.1 user 1001"
    assert callers.name_of(request()) == "127.0.0.1"


@pytest.mark.parametrize("changes", [{"state": "06"}, {"inode": 0}, {"state": "05", "user": 0}])
def test_a_connection_that_nobody_holds_any_more_is_nobodys(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """The kernel calls it root's, whose limit a stranger must not use up."""
    assert Callers(table(tmp_path / "tcp", **changes)).name_of(request()) == "127.0.0.1"


def test_another_machine_is_its_address(tmp_path: Path) -> None:
    assert Callers(table(tmp_path / "tcp")).name_of(request("10.0.0.7")) == "10.0.0.7"
