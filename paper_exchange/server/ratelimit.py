"""Request budgets: rolling one-second windows per UID and endpoint, and the ban per IP address."""

from collections import deque
from dataclasses import dataclass

IP_WINDOW_MS = 5000
DOCUMENTED_IP_RATE = 600
"""Requests per five seconds and address, as Bybit documents."""
TOO_MANY = (10006, "Too many visits. Exceeded the API Rate Limit.")
"""The code and text for a request, or a batch's member, over the budget."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A budget's usage as the `X-Bapi-Limit*` headers show it.

    `granted` is the part of the request's cost that the budget carries; 0 refuses the request.
    """

    limit: int
    remaining: int
    reset_ms: int
    granted: int

    @property
    def allowed(self) -> bool:
        """Whether the budget carries the request or a part of it."""
        return self.granted > 0


class UidLimiter:
    """Limits requests per rolling second and (uid, endpoint, category); 0 means no limit."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str, str], deque[int]] = {}

    def take(self, key: tuple[str, str, str], limit: int, wall: int, cost: int = 1) -> Usage:
        """Counts as many of `cost` requests as fit; a refused request costs nothing."""
        if limit <= 0:
            return Usage(0, 0, wall, cost)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = deque()
        while window and window[0] <= wall - 1000:
            window.popleft()
        granted = min(cost, max(0, limit - len(window)))
        window.extend([wall] * granted)
        reset = wall if granted == cost else window[0] + 1000
        return Usage(limit, max(0, limit - len(window)), reset, granted)


class IpLimiter:
    """Allows `limit` requests in a window per address. A breach bans the address.

    `Callers` adds the user to the address where it can. The ban lasts `ban_seconds`.
    """

    def __init__(self, limit: int, ban_seconds: float, window_ms: int = IP_WINDOW_MS) -> None:
        self._limit = limit
        self._window_ms = window_ms
        self._ban_ms = int(ban_seconds * 1000)
        self._windows: dict[str, deque[int]] = {}
        self._banned_until: dict[str, int] = {}

    def allow(self, address: str, wall: int) -> bool:
        """Counts a request; `wall` is in milliseconds.

        Returns False when the address is banned or this request bans it.
        """
        if self.is_banned(address, wall):
            return False
        if self._limit <= 0:
            return True
        window = self._windows.get(address)
        if window is None:
            window = self._windows[address] = deque()
        while window and window[0] <= wall - self._window_ms:
            window.popleft()
        if len(window) >= self._limit:
            self.ban(address, wall)
            return False
        window.append(wall)
        return True

    def is_banned(self, address: str, wall: int) -> bool:
        """Whether the address is banned at a time, in milliseconds."""
        return self._banned_until.get(address, 0) > wall

    def ban(self, address: str, wall: int, seconds: float | None = None) -> None:
        """Bans an address from a time on. Default: the configured length."""
        length = self._ban_ms if seconds is None else int(seconds * 1000)
        self._banned_until[address] = wall + length

    def pardon(self) -> None:
        """Ends every ban and forgets every count."""
        self._banned_until.clear()
        self._windows.clear()
