"""A market event at another time is the same event."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper_exchange.server.venue.shift import moved_to, shifted
from paper_exchange.types import BookUpdate, MarketEvent, MarketTrade, MarkUpdate

EVENTS = [
    BookUpdate("linear", "BTCUSDT", 5, [(1, 2)], [(3, 4)], snapshot=True),
    MarketTrade("spot", "BTCUSDT", 5, 7, 8, "Buy"),
    MarkUpdate("linear", "BTCUSDT", 5, Decimal(1), Decimal(2), Decimal(3)),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_nothing_but_the_time_changes(event: MarketEvent) -> None:
    assert shifted(event, 100) == replace(event, ts_ms=105)
    assert moved_to(event, 9) == replace(event, ts_ms=9)
