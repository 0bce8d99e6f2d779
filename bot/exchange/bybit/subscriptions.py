"""Subscriptions of a stream: one request per symbol, so that a refusal affects one symbol.

Bybit refuses a whole request for one topic that it doesn't know (a delisted or mistyped symbol). A
refused symbol is named, and asked for again with a growing pause.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

log = logging.getLogger(__name__)


class Socket(Protocol):
    """The part of a connection that subscriptions use."""

    def subscribe(self, topics: list[str]) -> set[str]:
        """Sends a subscription request per topic; returns the ids of the requests."""


class Subscriptions:
    """The groups of one stream's topics. A `partial` stream works without some of them."""

    def __init__(
        self, topics: Iterable[str], *, partial: bool, retry_first: float, retry_last: float
    ) -> None:
        self._partial = partial
        self._retry_first, self._retry_last = retry_first, retry_last
        self._groups: dict[str, list[str]] = {}
        for topic in topics:
            name = topic.rpartition(".")[2] if partial else ""
            self._groups.setdefault(name, []).append(topic)
        self._pending: dict[str, str] = {}
        """Group by request id, the oldest request first."""
        self._refused: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._again_at: dict[str, float] = {}

    def begin(self, socket: Socket) -> None:
        """Asks for everything on a new connection."""
        self._pending.clear()
        self._again_at.clear()
        for name in self._groups:
            self._ask(socket, name)

    def ask_again(self, socket: Socket) -> None:
        """Asks again for each refused group after its pause."""
        now = time.monotonic()
        for name in [name for name, at in self._again_at.items() if at <= now]:
            del self._again_at[name]
            self._ask(socket, name)

    def answered(self, req_id: str, *, ok: bool, text: str) -> str | None:
        """Notes an answer; returns why the whole connection is unusable, or None."""
        name = self._name_of(req_id)
        if ok:
            if name is not None and name in self._refused:
                log.warning(
                    "the exchange accepted a subscription that it had refused",
                    extra={"event": "subscribed_after_a_refusal", "symbol": name},
                )
                self._refused = {k: v for k, v in self._refused.items() if k != name}
                self._attempts.pop(name, None)
            return None
        if name is None or not self._partial:
            return f"subscribe refused: {text}"
        attempts = self._attempts[name] = self._attempts.get(name, 0) + 1
        pause = min(self._retry_first * 2.0 ** min(attempts - 1, 16), self._retry_last)
        self._again_at[name] = time.monotonic() + pause
        if name not in self._refused:
            log.critical(
                "the exchange refuses the market of %s: %s", name, text, extra={"symbol": name}
            )
        self._refused = {**self._refused, name: text}
        return None

    @property
    def complete(self) -> bool:
        """Whether every request has been answered."""
        return not self._pending

    @property
    def any_taken(self) -> bool:
        """Whether any topic is subscribed."""
        return len(self._refused) < len(self._groups)

    @property
    def refused(self) -> Mapping[str, str]:
        """The exchange's reason by refused symbol."""
        return MappingProxyType(self._refused)

    def _ask(self, socket: Socket, name: str) -> None:
        for request in sorted(socket.subscribe(self._groups[name])):
            self._pending[request] = name

    def _name_of(self, req_id: str) -> str | None:
        if req_id:
            return self._pending.pop(req_id, None)
        # The documented sample of the private stream has no req_id: answers come in order.
        first = next(iter(self._pending), None)
        return None if first is None else self._pending.pop(first)
