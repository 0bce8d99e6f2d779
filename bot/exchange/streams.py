"""The stream protocols: the events that a venue sends unasked, in mlrisk's own words.

Nothing is replayed by a venue. So after every connection, and before any event of it, a stream
calls `on_gap`, and the caller reads the missed facts by the `Exchange` protocol. Both callbacks run
in the stream's own thread. A callback that raises an error of bot.errors drops the connection; any
other exception is a defect and ends the stream visibly (`StreamState.CRASHED`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.exchange.protocol import ExchangeOrder, ExchangePosition, Execution, Wallet
from bot.market.frames import MarketFrame

AccountEvent = ExchangeOrder | Execution | ExchangePosition | Wallet
StreamEvent = AccountEvent | MarketFrame
OnEvent = Callable[[StreamEvent], None]
OnGap = Callable[[str], None]
"""Called with the cause of the gap, for the log."""


class StreamState(StrEnum):
    """The stages in the life of one stream."""

    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting"
    """Between two attempts."""
    STOPPED = "stopped"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """The state of one stream, for a watchdog."""

    name: str
    state: StreamState
    connections: int
    failures: int
    """Failures in a row."""
    frames: int
    unreadable: int
    silent_seconds: float | None
    last_fault: str | None
    refused: Mapping[str, str] = field(default_factory=dict)
    """Symbols whose market the exchange refuses, with its words."""


class Stream(Protocol):
    """One stream, kept alive in a thread of its own from `start` to `stop`."""

    def start(self) -> None:
        """Starts the thread that connects, and connects again."""

    def stop(self) -> None:
        """Ends the connection and its threads. Raises DependencyDown when they do not end."""

    def renew_book(self, symbol: str) -> None:
        """Asks for a new snapshot of a symbol's order book; call it from `on_event` when a book
        has a gap. Asking again while the answer is on its way does nothing."""

    def health(self) -> StreamHealth:
        """The state of the stream now."""


class Streams(Protocol):
    """The two streams of one account at one venue."""

    def public(self, symbols: tuple[str, ...], *, on_event: OnEvent, on_gap: OnGap) -> Stream:
        """Order books, trades and tickers of these symbols."""

    def private(self, *, on_event: OnEvent, on_gap: OnGap) -> Stream:
        """Orders, executions, positions and wallet of the account."""
