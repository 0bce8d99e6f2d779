"""Loopback's callers are told apart by their user, and everybody else by his address."""

from asyncio import BaseTransport
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import web

from paper_exchange.server.callers import Callers
from paper_exchange.server.peers import End

CLIENT, SERVER = ("127.0.0.1", 0x9C40), ("127.0.0.1", 0x1F90)


class _Transport(BaseTransport):
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": CLIENT, "sockname": SERVER}.get(name, default)


def request(remote: str = "127.0.0.1") -> web.BaseRequest:
    return cast(web.BaseRequest, SimpleNamespace(remote=remote, transport=_Transport()))


def test_a_local_caller_is_named_by_its_user_once_per_connection() -> None:
    users: list[str | None] = ["1001", None]
    asked: list[tuple[End, End]] = []

    def owner_of(peer: End, ours: End) -> str | None:
        asked.append((peer, ours))
        return users[len(asked) - 1]

    callers, first = Callers(owner_of), request()
    assert callers.name_of(first) == "127.0.0.1 user 1001"
    assert callers.name_of(first) == "127.0.0.1 user 1001"
    assert callers.name_of(request()) == "127.0.0.1"
    assert asked == [(CLIENT, SERVER)] * 2


def test_another_machine_is_its_address() -> None:
    callers = Callers(lambda _peer, _ours: "1001")
    assert callers.name_of(request("10.0.0.7")) == "10.0.0.7"
