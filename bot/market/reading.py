"""The market data of a decision, read at one moment before any lock is held."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bot.risk.snapshot import MarketView


@dataclass(frozen=True, slots=True)
class MarketReading:
    """The newest known market data; missing data is unknown."""

    view: MarketView | None = None
    """The market view of the traded symbol."""
    marks: Mapping[str, Decimal] = field(default_factory=dict)
    """The marks of other symbols, which may be held."""
    correlations: Mapping[str, float] = field(default_factory=dict)
    """The correlations of the symbol's returns with those of others."""

    def mark(self, symbol: str) -> Decimal | None:
        """The mark that values a held symbol, or None; a last trade is no substitute."""
        if self.view is not None and self.view.symbol == symbol:
            return self.view.mark
        return self.marks.get(symbol)
