"""Minute bars of a span: every page, oldest first, and none that is still being made."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from bot.clock import FixedClock
from bot.errors import ExchangeRefused
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


def test_a_coin_is_worth_the_close_of_the_last_minute_that_had_ended() -> None:
    """Asked at once or an hour later: the same."""
    fill = NOW + timedelta(seconds=30)
    rows = [row(NOW), row(NOW - timedelta(minutes=1))]
    rows[1][4] = "1.25"
    for asked_at in (fill, NOW + timedelta(hours=1)):
        transport = Transport([envelope({"list": rows})])
        found = exchange(transport, FixedClock(asked_at)).coin_price("MNT", fill)
        assert found is not None
        assert found.price == Decimal("1.25")
        assert found.source == f"linear MNTUSDT {NOW.isoformat()}"


def test_a_coin_without_a_perpetual_is_priced_by_its_spot_market() -> None:
    no_such_symbol = envelope(code=10001, msg="Not supported symbols")
    rows = [row(NOW - timedelta(minutes=1))]
    transport = Transport([no_such_symbol, envelope({"list": rows})])
    found = exchange(transport, FixedClock(NOW)).coin_price("ODD", NOW)
    assert found is not None and found.source.startswith("spot ODDUSDT")


def test_a_coin_without_any_market_has_no_price_and_the_settle_coin_needs_none() -> None:
    no_such_symbol = envelope(code=10001, msg="Not supported symbols")
    transport = Transport([no_such_symbol, envelope({"list": []})])
    venue = exchange(transport, FixedClock(NOW))
    assert venue.coin_price("ODD", NOW) is None
    assert len(transport.sent) == 2
    one = venue.coin_price("USDT", NOW)
    assert one is not None and one.price == 1


def test_no_price_because_the_exchange_refuses_us_is_no_missing_market() -> None:
    transport = Transport([envelope(code=10003, msg="no key")])
    with pytest.raises(ExchangeRefused):
        exchange(transport, FixedClock(NOW)).coin_price("ODD", NOW)


D = Decimal


def query(request: requests.PreparedRequest) -> dict[str, str]:
    # Not unquoted: the cursor must go back exactly as it came.
    raw = urlsplit(request.url or "").query
    return dict(pair.split("=", 1) for pair in raw.split("&")) if raw else {}


INSTRUMENT = {
    "symbol": "BTCUSDT",
    "settleCoin": "USDT",
    "status": "Trading",
    "priceFilter": {"tickSize": "0.10"},
    "lotSizeFilter": {
        "qtyStep": "0.001",
        "minOrderQty": "0.001",
        "maxOrderQty": "1190.000",
        "maxMktOrderQty": "500.000",
        "minNotionalValue": "5",
    },
    "leverageFilter": {"maxLeverage": "100.00"},
    "riskParameters": {"priceLimitRatioX": "0.03", "priceLimitRatioY": "0.04"},
    "fundingInterval": 240,
}


def test_an_unreadable_instrument_is_left_out_and_the_others_stay() -> None:
    rows = [
        INSTRUMENT,
        INSTRUMENT | {"symbol": "BAD", "priceFilter": {"tickSize": "0"}},
        INSTRUMENT | {"symbol": "BTCPERP", "settleCoin": "USDC"},
    ]
    (found,) = exchange(Transport([envelope({"list": rows})]), FixedClock(NOW)).instruments()
    assert (found.symbol, found.tick_size, found.max_market_qty) == ("BTCUSDT", D("0.1"), D(500))
    assert (found.price_limit_x, found.price_limit_y) == (D("0.03"), D("0.04"))
    assert found.funding_interval_minutes == 240


def test_a_price_band_that_isnt_told_is_not_guessed() -> None:
    rows = [INSTRUMENT | {"riskParameters": {}}]
    (found,) = exchange(Transport([envelope({"list": rows})]), FixedClock(NOW)).instruments()
    assert (found.price_limit_x, found.price_limit_y) == (None, None)


def test_minute_closes_come_oldest_first_without_the_unfinished_one() -> None:
    rows = [[str(n * 60_000), "1", "1", "1", str(n), "9", "9"] for n in (30, 29, 28)]
    transport = Transport([envelope({"list": rows})])
    closes = exchange(transport, FixedClock(NOW)).minute_closes("BTCUSDT", count=3)
    assert [price for _, price in closes] == [D(28), D(29)]
    assert closes[0][0] < closes[1][0]
    assert query(transport.sent[0])["interval"] == "1"
    assert query(transport.sent[0])["limit"] == "4"
