"""Rate limits of the interface, in this process's memory."""

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from bot.clock import Clock

_KEYS = 1000
"""Callers that are remembered; the one that was silent for longest is forgotten first."""


class Rates:
    """Counts calls by caller in a sliding window. Any thread may use it."""

    def __init__(self, clock: Clock, most: int, window: timedelta) -> None:
        self._clock = clock
        self._most = most
        self._window = window
        self._calls: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> bool:
        """Counts a call, unless the caller's window is full; returns whether it was counted."""
        with self._lock:
            calls = self._of(caller)
            if len(calls) >= self._most:
                return False
            calls.append(self._clock.now())
            return True

    def is_full(self, caller: str) -> bool:
        """Whether the caller's window is full."""
        with self._lock:
            return len(self._of(caller)) >= self._most

    def _of(self, caller: str) -> "deque[datetime]":
        calls = self._calls.setdefault(caller, deque())
        self._calls.move_to_end(caller)
        while len(self._calls) > _KEYS:
            self._calls.popitem(last=False)
        now = self._clock.now()
        while calls and now - calls[0] >= self._window:
            calls.popleft()
        return calls
