"""An exchange of minutes for tests: serves a panel up to its clock, counts and fails on demand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bot.errors import DependencyDown
from bot.market.bars import Bar
from bot.market.volume.panel import Panel, minute_of, moment_of


@dataclass
class PanelExchange:
    """What a venue would tell of the panel; `now` cuts what it could know."""

    panel: Panel
    now: datetime
    down: set[str] = field(default_factory=set)
    silent: set[int] = field(default_factory=set)
    """Minutes that no symbol has a row of."""
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    def minute_bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        self.asked.append((symbol, start, end))
        if symbol in self.down:
            raise DependencyDown("the exchange can't be reached")
        if symbol not in self.panel.symbols:
            return []
        first = max(minute_of(start), self.panel.first_minute)
        last = min(minute_of(end), minute_of(self.now) - 1, self.panel.end_minute - 1)
        row = self.panel.row(symbol)
        return [
            self._bar(row, minute) for minute in range(first, last + 1) if minute not in self.silent
        ]

    def reads(self, symbol: str) -> int:
        return sum(asked == symbol for asked, _, _ in self.asked)

    def _bar(self, row: int, minute: int) -> Bar:
        place = minute - self.panel.first_minute
        columns = (self.panel.close, self.panel.high, self.panel.low, self.panel.close)
        prices = [Decimal(float(column[row, place])) for column in columns]
        volume = Decimal(float(self.panel.volume[row, place]))
        return Bar(moment_of(minute), *prices, volume, volume * prices[3])
