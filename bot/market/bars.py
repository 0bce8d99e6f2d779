"""One minute of trading as the exchange keeps it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

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
        return self.start + MINUTE
