"""The part of a stress test that trades: rounds of entries and of exits of what they bought."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.safety.stress_load import Load, Messages
from console.runtime.stress_progress import Progress
from models.amounts import ZERO

EXIT_ROOM = 2
"""An exit asks for twice of what is held, because the price moves; it closes no more than that."""
VAIN_EXITS = 5
"""Exits in a row that traded nothing; then the rest stays, and the report says so."""
VAIN_ROUNDS = 10
"""Rounds in a row that traded nothing; a market may be away for some seconds."""
VAIN_SECONDS = 2.0
"""The pause after a round that traded nothing."""
MOST_ROUNDS = 100
"""Rounds of entries and exits. Far more than a reachable volume needs."""


@dataclass
class Rounds:
    """Entries of one round, then the exits of what they bought, until the volume is traded."""

    load: Load
    messages: Messages
    symbols: tuple[str, ...]
    waiting: deque[tuple[str, Decimal, bool]] = field(default_factory=deque)
    """Symbol, notional, and whether it only reduces."""
    made: int = 0
    number: int = 0
    before: Decimal = ZERO
    vain: int = 0
    """Rounds in a row that traded nothing."""
    paused_at: int = 0
    """The number of the last round that a pause followed."""
    not_before: float = 0.0
    """When the next round may begin, in seconds of the test."""
    vain_exits: int = 0
    sold_from: Decimal = ZERO
    """The volume when exits were last asked for."""
    is_over: bool = False
    why: str = ""
    """Why it ended before the volume was traded."""

    def follow(self, seen: Progress, elapsed: float, *, may_enter: bool) -> None:
        """Decides what comes next, when all that was asked for has ended."""
        if self.is_over or self.waiting or not seen.is_at_rest:
            return
        if seen.held:
            self._sell(seen)
        elif seen.volume >= self.load.volume and seen.sent >= self.load.orders:
            self.is_over = True
        elif self.made >= MOST_ROUNDS or not may_enter:
            self.end("the time was over")
        elif elapsed >= self.not_before:
            self._enter(seen, elapsed)

    def _enter(self, seen: Progress, elapsed: float) -> None:
        """Another round, after a pause where the last one was in vain."""
        is_vain = self.made > 0 and seen.volume == self.before
        if is_vain and self.paused_at != self.made:
            self.vain, self.paused_at = self.vain + 1, self.made
            self.not_before = elapsed + VAIN_SECONDS
            if self.vain >= VAIN_ROUNDS:
                self.end("round after round traded nothing")
            return
        self.vain = self.vain if is_vain else 0
        self.before, self.made = seen.volume, self.made + 1
        entries = self.load.less(seen.sent, seen.volume).entries(self.symbols)
        self.waiting.extend((symbol, notional, False) for symbol, notional in entries)

    def _sell(self, seen: Progress) -> None:
        self.vain_exits = self.vain_exits + 1 if seen.volume == self.sold_from else 0
        self.sold_from = seen.volume
        if self.vain_exits >= VAIN_EXITS:
            self.end("exits closed nothing")
            return
        self.waiting.extend((s, value * EXIT_ROOM, True) for s, value in seen.held.items())

    def take(self, now: datetime) -> dict[str, Any] | None:
        """The next message. It stays the next one until it is `done`."""
        if not self.waiting:
            return None
        symbol, notional, reduces = self.waiting[0]
        self.number += 1
        make = self.messages.exit if reduces else self.messages.entry
        return make(self.number, symbol, notional, now)

    def done(self) -> None:
        """The message that was taken has been accepted."""
        self.waiting.popleft()

    def end(self, why: str) -> None:
        """Ends the rounds. The first reason stays."""
        self.is_over, self.why = True, self.why or why
