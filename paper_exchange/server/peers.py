"""Asks the kernel for the user who owns the other end of a connection on this machine.

Linux answers a question about one connection (`sock_diag`) at once. Its table of all connections
takes milliseconds to read, during which no request is served. It is read only where the kernel
can't be asked.
"""

import errno
import socket
import struct
import sys
from contextlib import closing
from pathlib import Path

from paper_exchange.errors import PaperExchangeError

End = tuple[str, int]
TABLE = Path("/proc/net/tcp")
"""The kernel's connections: local address, remote address, state, user and inode among others."""
_LOCAL, _REMOTE, _STATE, _USER, _INODE = 1, 2, 3, 7, 9
# A socket that its owner has closed has no inode, and root for its user.
_NOBODYS = 0
_ESTABLISHED = 1

# From linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_SOCK_DIAG, _BY_FAMILY, _REQUEST, _ERROR, _ANSWER_BYTES = 4, 20, 1, 2, 4096
_ERROR_CODE = struct.Struct("=i")
_HEADER = struct.Struct("=IHHII")
"""Length, type, flags, sequence, port."""
_QUESTION = struct.Struct("=BBBxI")
"""Family, protocol, extensions, states."""
_PORTS, _ANY_ADDRESS_REST = struct.Struct("!HH"), bytes(12)
_ANY_INTERFACE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_FOUND_STATE = _HEADER.size + 1
_FOUND_OWNER = struct.Struct("=II")
_FOUND_OWNER_AT = _HEADER.size + 4 + 48 + 12
"""The user and inode follow four bytes, the connection's 48 bytes, and three numbers."""


class CannotAskError(PaperExchangeError):
    """This kernel answers no questions about single connections."""


def owner(peer: End, ours: End, table: Path = TABLE) -> str | None:
    """The number of the user at the other end of an IPv4 connection; None if it isn't known."""
    try:
        return ask_kernel(peer, ours)
    except CannotAskError:
        return look_up(table, peer, ours)


def ask_kernel(peer: End, ours: End) -> str | None:
    """The user by the kernel's answer about this one connection.

    Raises CannotAskError where the kernel gives none.
    """
    if sys.platform != "linux":
        raise CannotAskError
    ends = _PORTS.pack(peer[1], ours[1])
    for address in (peer[0], ours[0]):
        ends += socket.inet_aton(address) + _ANY_ADDRESS_REST
    states = 1 << _ESTABLISHED
    body = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, states) + ends + _ANY_INTERFACE
    head = _HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 1, 0)
    try:
        with closing(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG)) as kernel:
            kernel.setblocking(False)
            kernel.send(head + body)
            answer = kernel.recv(_ANSWER_BYTES)
    except OSError as error:
        raise CannotAskError from error
    return _user_of(answer)


def _user_of(answer: bytes) -> str | None:
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _ERROR:
        if _ERROR_CODE.unpack_from(answer, _HEADER.size)[0] == -errno.ENOENT:
            return None
        raise CannotAskError
    user, inode = _FOUND_OWNER.unpack_from(answer, _FOUND_OWNER_AT)
    lives = answer[_FOUND_STATE] == _ESTABLISHED and inode != _NOBODYS
    return str(user) if lives else None


def look_up(table: Path, peer: End, ours: End) -> str | None:
    """The user by the table of all connections; None where it doesn't name one."""
    wanted = [_hexadecimal(peer), _hexadecimal(ours)]
    try:
        lines = table.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if words[_LOCAL : _REMOTE + 1] == wanted:
            lives = int(words[_STATE], 16) == _ESTABLISHED and int(words[_INODE]) != _NOBODYS
            return words[_USER] if lives else None
    return None


def _hexadecimal(end: End) -> str:
    """The address as the kernel writes it: as one number in this machine's byte order."""
    number = int.from_bytes(socket.inet_aton(end[0]), sys.byteorder)
    return f"{number:08X}:{end[1]:04X}"
