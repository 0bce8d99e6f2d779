"""Minute bars of a span: every page, oldest first, and none that is still being made."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from bot.clock import FixedClock
from bot.exchange.bybit.parse import UnreadableRow
from tests.unit.bot.exchange.bybit.bybit_transport import Transport, envelope, exchange

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def row(at: datetime) -> list[str]:
    return [str(int(at.timestamp() * 1000)), "100", "102", "99", "101", "7", "705.5"]


def test_bars_come_oldest_first_without_the_unfinished_minute() -> None:
    rows = [row(NOW), row(NOW - timedelta(minutes=1)), row(NOW - timedelta(minutes=2))]
    transport = Transport([envelope({"list": rows})])
    venue = exchange(transport, FixedClock(NOW + timedelta(seconds=30)))
    bars = venue.minute_bars("BTCUSDT", NOW - timedelta(seconds=90), NOW)
    assert [bar.start for bar in bars] == [NOW - timedelta(minutes=2), NOW - timedelta(minutes=1)]
    assert (bars[0].open, bars[0].close, bars[0].volume) == (Decimal(100), Decimal(101), Decimal(7))
    asked = parse_qs(urlsplit(transport.sent[0].url or "").query)
    assert asked["start"] == [str(int((NOW - timedelta(minutes=2)).timestamp() * 1000))]


def test_a_long_span_is_read_page_by_page() -> None:
    start = NOW - timedelta(minutes=1500)
    pages: list[requests.Response | Exception] = [
        envelope({"list": [row(start + timedelta(minutes=i)) for i in range(999, -1, -1)]}),
        envelope({"list": [row(start + timedelta(minutes=i)) for i in range(1499, 999, -1)]}),
    ]
    transport = Transport(pages)
    bars = exchange(transport, FixedClock(NOW)).minute_bars("BTCUSDT", start, NOW)
    assert len(bars) == 1500
    assert len(transport.sent) == 2
    assert {late.start - early.start for early, late in pairwise(bars)} == {timedelta(minutes=1)}


def test_a_row_without_its_turnover_is_unreadable() -> None:
    transport = Transport([envelope({"list": [row(NOW)[:6]]})])
    with pytest.raises(UnreadableRow):
        exchange(transport, FixedClock(NOW)).minute_bars("BTCUSDT", NOW, NOW)
