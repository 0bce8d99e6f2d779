"""One minute of trading as the exchange keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """`volume` in base units, `turnover` in quote currency; `start` is its first moment."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal

    @property
    def end(self) -> datetime:
        """The first moment after the bar, UTC."""
        return self.start + MINUTE


class MinuteSource(Protocol):
    """A source of the market's minutes."""

    def minute_bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        """The finished minutes that touch [start, end]. Raises MlriskError when the source is
        away."""
        ...
