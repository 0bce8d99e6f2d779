"""A server that has just started already has a past: klines, a day's statistics, funding rates."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from pybit.unified_trading import HTTP
from pydantic import SecretStr

from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import SYMBOL, Frames, Sockets, http

pytestmark = pytest.mark.services

MINUTE = 60_000
LINEAR = {"category": "linear", "symbol": SYMBOL}


@pytest.fixture(scope="module")
def fresh() -> Iterator[PaperExchangeProcess]:
    with PaperExchangeProcess("--market", "synthetic", "--control", "--ip-rate", "0") as server:
        yield server


@pytest.fixture
def public(fresh: PaperExchangeProcess) -> HTTP:
    return http(fresh)


def klines(session: HTTP, **arguments: Any) -> list[list[str]]:
    rows: list[list[str]] = session.get_kline(**LINEAR, **arguments)["result"]["list"]
    return rows


def test_the_first_answers_hold_a_thousand_minutes_and_a_days_turnover(public: HTTP) -> None:
    rows = klines(public, interval="1", limit=1000)
    ticker = public.get_tickers(**LINEAR)["result"]["list"][0]
    assert len(rows) == 1000
    assert all(int(a[0]) - int(b[0]) == MINUTE for a, b in pairwise(rows))
    # The synthetic BTCUSDT turns over about 8.3 billion USDT a day.
    assert 4e9 < float(ticker["turnover24h"]) < 16e9
    price = Decimal(ticker["lastPrice"])
    vwap = Decimal(ticker["turnover24h"]) / Decimal(ticker["volume24h"])
    low, high = Decimal(ticker["lowPrice24h"]), Decimal(ticker["highPrice24h"])
    assert low < vwap < high
    assert low <= price <= high
    assert low <= Decimal(ticker["prevPrice1h"]) <= high
    change = price / Decimal(ticker["prevPrice24h"]) - 1
    assert abs(Decimal(ticker["price24hPcnt"]) - change) < Decimal("0.001")


def test_longer_bars_add_up_to_the_minutes_they_hold(public: HTTP) -> None:
    hour = klines(public, interval="60", limit=3)[1]
    end = int(hour[0]) + 59 * MINUTE
    minutes = klines(public, interval="1", start=int(hour[0]), end=end, limit=1000)
    assert len(minutes) == 60
    assert minutes[-1][1] == hour[1]
    assert minutes[0][4] == hour[4]
    assert max(Decimal(row[2]) for row in minutes) == Decimal(hour[2])
    assert min(Decimal(row[3]) for row in minutes) == Decimal(hour[3])
    assert sum(Decimal(row[5]) for row in minutes) == Decimal(hour[5])
    assert sum(Decimal(row[6]) for row in minutes) == Decimal(hour[6])


@pytest.mark.parametrize("interval", ["1", "5", "15", "60", "240", "720", "D"])
def test_every_interval_has_a_thousand_bars(public: HTTP, interval: str) -> None:
    rows = klines(public, interval=interval, limit=1000)
    assert len(rows) == 1000
    starts = [int(row[0]) for row in rows]
    assert {later - earlier for later, earlier in pairwise(starts)} == {starts[0] - starts[1]}
    assert all(Decimal(row[3]) <= Decimal(row[4]) <= Decimal(row[2]) for row in rows)


def test_paging_backwards_by_end_reaches_the_whole_day(public: HTTP) -> None:
    newest = klines(public, interval="1", limit=1000)
    older = klines(public, interval="1", limit=1000, end=int(newest[-1][0]) - MINUTE)
    assert len(older) == 1000
    assert int(newest[-1][0]) - int(older[0][0]) == MINUTE
    assert older[0][4] == newest[-1][1]


def test_the_ticker_stream_tells_the_same_day(fresh: PaperExchangeProcess) -> None:
    sockets, frames = Sockets(fresh), Frames()
    sockets.public().ticker_stream(SYMBOL, frames)
    streamed = frames.topic(f"tickers.{SYMBOL}")["data"]
    sockets.close()
    asked = http(fresh).get_tickers(**LINEAR)["result"]["list"][0]
    ago = float(streamed["prevPrice24h"])
    assert ago == pytest.approx(float(asked["prevPrice24h"]), rel=0.01)
    assert float(streamed["turnover24h"]) == pytest.approx(float(asked["turnover24h"]), rel=0.01)


def test_two_hundred_funding_rates_lie_behind(public: HTTP) -> None:
    rows = public.get_funding_rate_history(**LINEAR)["result"]["list"]
    assert len(rows) == 200
    times = [int(row["fundingRateTimestamp"]) for row in rows]
    assert all(a - b == 8 * 60 * MINUTE for a, b in pairwise(times))
    assert all(abs(Decimal(row["fundingRate"])) < Decimal("0.005") for row in rows)


def test_the_adapter_gets_its_240_closes(fresh: PaperExchangeProcess) -> None:
    config = BybitConfig(
        api_key=SecretStr(fresh.api_key),
        api_secret=SecretStr(fresh.api_secret),
        mode=BybitMode.PAPER,
        endpoint=fresh.url,
    )
    exchange = BybitExchange(config)
    try:
        closes = exchange.minute_closes(SYMBOL, count=240)
    finally:
        exchange.close()
    assert len(closes) == 240
    assert all((b[0] - a[0]).total_seconds() == 60 for a, b in pairwise(closes))
    assert len({price for _, price in closes}) > 100
