"""What a decision reads of the market, all at one moment and before it holds any lock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bot.risk.snapshot import MarketView


@dataclass(frozen=True, slots=True)
class MarketReading:
    """The newest that is known; what is missing is unknown."""

    view: MarketView | None = None
    """Of the symbol to be traded."""
    marks: Mapping[str, Decimal] = field(default_factory=dict)
    """What others, which may be held, are worth."""
    correlations: Mapping[str, float] = field(default_factory=dict)
    """Of the symbol's returns with others'."""

    def mark(self, symbol: str) -> Decimal | None:
        """A held symbol's value: its mark, or nothing; a last trade is no substitute."""
        if self.view is not None and self.view.symbol == symbol:
            return self.view.mark
        return self.marks.get(symbol)
