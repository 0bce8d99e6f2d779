"""Names the caller of a request for the limits by address.

On one machine every user has the same address. Loopback's callers are told apart by the user that
owns the other end of the connection. One user's flood therefore bans nobody else. If the user isn't
known, the address alone counts.
"""

import socket
import sys
from asyncio import BaseTransport
from pathlib import Path
from weakref import WeakKeyDictionary

from aiohttp import web

_LOOPBACK = "127.0.0.1"
_TABLE = Path("/proc/net/tcp")
"""The kernel's connections: local address, remote address, state, user and inode among others."""
_LOCAL, _REMOTE, _STATE, _USER, _INODE = 1, 2, 3, 7, 9
_ESTABLISHED = "01"
# A socket that its owner has closed has no inode, and root for its user.
_NOBODYS = "0"


class Callers:
    """Names the caller at the other end of each connection, once per connection."""

    def __init__(self, table: Path = _TABLE) -> None:
        self._table = table
        self._known: WeakKeyDictionary[BaseTransport, str] = WeakKeyDictionary()

    def name_of(self, request: web.BaseRequest) -> str:
        """The caller's address. On loopback it includes the user's number if that is known."""
        address, transport = request.remote or "", request.transport
        if address != _LOOPBACK or transport is None:
            return address
        known = self._known.get(transport)
        if known is None:
            user = self._owner(transport)
            known = self._known[transport] = address if user is None else f"{address} user {user}"
        return known

    def _owner(self, transport: BaseTransport) -> str | None:
        """The user at the other end; None where the kernel doesn't name one."""
        theirs, ours = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if theirs is None or ours is None:
            return None
        wanted = [_hexadecimal(theirs), _hexadecimal(ours)]
        try:
            lines = self._table.read_text(encoding="ascii").splitlines()
        except OSError:
            return None
        for line in lines:
            words = line.split()
            if words[_LOCAL : _REMOTE + 1] == wanted:
                lives = words[_STATE] == _ESTABLISHED and words[_INODE] != _NOBODYS
                return words[_USER] if lives else None
        return None


def _hexadecimal(end: tuple[str, int]) -> str:
    """The address as the kernel writes it: as one number in this machine's byte order."""
    number = int.from_bytes(socket.inet_aton(end[0]), sys.byteorder)
    return f"{number:08X}:{end[1]:04X}"
