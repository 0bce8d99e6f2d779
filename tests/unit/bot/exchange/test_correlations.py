"""One symbol that can't be read hides the correlations of no other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.errors import DependencyDown, ExchangeRefused
from bot.exchange import correlations

T0 = datetime(2026, 11, 23, tzinfo=UTC)


class Minutes:
    """BTC and ETH move; GONE is delisted, NEW was listed a minute ago."""

    def minute_closes(self, symbol: str, *, count: int) -> Sequence[tuple[datetime, Decimal]]:
        if symbol == "GONE":
            raise ExchangeRefused(10001, "params error: symbol invalid")
        length, phase = {"BTC": (100, 0.0), "ETH": (100, 0.7), "NEW": (1, 0.0)}[symbol]
        prices = [Decimal(str(round(100 + math.sin(n / 3 + phase), 6))) for n in range(length)]
        return [(T0 + timedelta(minutes=n), price) for n, price in enumerate(prices)]


@dataclass
class Cache:
    stored: dict[str, dict[str, float]] = field(default_factory=dict)

    def put_correlations(self, found: dict[str, dict[str, float]]) -> None:
        self.stored = found


def test_a_symbol_that_cannot_be_read_or_is_too_young_hides_no_other() -> None:
    cache = Cache()
    symbols = ("GONE", "BTC", "NEW", "ETH")
    assert correlations.refresh(Minutes(), cache, symbols) == 2  # type: ignore[arg-type]
    assert set(cache.stored) == {"BTC", "ETH"}


def test_that_no_symbol_can_be_read_is_an_error() -> None:
    with pytest.raises(DependencyDown):
        correlations.refresh(Minutes(), Cache(), ("GONE",))  # type: ignore[arg-type]
