"""Names the caller of a request for the limits by address.

On one machine every user has the same address. Loopback's callers are told apart by the user that
owns the other end of the connection. One user's flood therefore bans nobody else. If the user isn't
known, the address alone counts.
"""

from asyncio import BaseTransport
from collections.abc import Callable
from weakref import WeakKeyDictionary

from aiohttp import web

from paper_exchange.server.peers import End, owner

_LOOPBACK = "127.0.0.1"


class Callers:
    """Names the caller at the other end of each connection, once per connection."""

    def __init__(self, owner_of: Callable[[End, End], str | None] = owner) -> None:
        """`owner_of` gives the user at the first end of a connection to the second, ours."""
        self._owner_of = owner_of
        self._known: WeakKeyDictionary[BaseTransport, str] = WeakKeyDictionary()

    def name_of(self, request: web.BaseRequest) -> str:
        """The caller's address. On loopback it includes the user's number if that is known."""
        address, transport = request.remote or "", request.transport
        if address != _LOOPBACK or transport is None:
            return address
        known = self._known.get(transport)
        if known is None:
            theirs, ours = (transport.get_extra_info(end) for end in ("peername", "sockname"))
            user = None if theirs is None or ours is None else self._owner_of(theirs, ours)
            known = self._known[transport] = address if user is None else f"{address} user {user}"
        return known
