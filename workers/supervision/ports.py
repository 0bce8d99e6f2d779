"""Chooses TCP ports on 127.0.0.1 for servers that must come back on the same port."""

import random
import socket
from collections.abc import Collection
from pathlib import Path

from bot.errors import DependencyDown

LOOPBACK = "127.0.0.1"
_LOWEST = 15_000
_HIGHEST = 65_000
_ATTEMPTS = 200


class NoFreePortError(DependencyDown):
    """No free port was found on 127.0.0.1."""


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too; without it a port with connections in TIME_WAIT looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port(taken: Collection[int] = ()) -> int:
    """Draw a free port outside the kernel's range for outgoing connections.

    A client may keep dialling a stopped server on a port inside that range. The kernel may then
    give the client this very port as its own end. The client connects to itself, and so holds the
    port against the returning server.
    """
    candidates = _outside_ephemeral_range()
    for _ in range(_ATTEMPTS):
        port = random.choice(candidates)
        if port not in taken and is_free(port):
            return port
    raise NoFreePortError(f"no free port on {LOOPBACK} after {_ATTEMPTS} attempts")


def _outside_ephemeral_range() -> range:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        low, high = (int(word) for word in text.split())
    except (OSError, ValueError):
        low, high = 32_768, 60_999  # Linux's default
    below = range(_LOWEST, max(_LOWEST, min(low, _HIGHEST)))
    above = range(min(max(high + 1, _LOWEST), _HIGHEST), _HIGHEST)
    widest = max(below, above, key=len)
    # A machine may hand out every port; then there is nothing to avoid.
    return widest if len(widest) >= 1_000 else range(_LOWEST, _HIGHEST)
