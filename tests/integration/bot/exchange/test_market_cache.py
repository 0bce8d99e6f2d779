"""The market in a real Redis: one round trip for a decision, and nothing that it may raise."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from redis import Redis

from bot.exchange.market_cache import CORRELATIONS, KEY, MARK, RedisMarketCache
from bot.market.reading import MarketReading
from bot.risk.snapshot import MarketView
from tests.support.services import RedisServer

pytestmark = pytest.mark.services

D = Decimal
BTC = MarketView(
    symbol="BTCUSDT", as_of=datetime(2026, 11, 26, tzinfo=UTC), mark=D("65000.10"), depth_bps=10.0
)
ETH = replace(BTC, symbol="ETHUSDT", mark=D("1922.5"))
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


@pytest.fixture
def client(redis: RedisServer) -> Iterator[Redis]:
    with redis.client() as client:
        yield client


@pytest.fixture
def cache(client: Redis) -> RedisMarketCache:
    return RedisMarketCache(client, SYMBOLS)


def test_a_decision_reads_all_that_was_published_in_one_command(
    cache: RedisMarketCache, client: Redis
) -> None:
    cache.put([BTC, ETH])
    cache.put_correlations({"BTCUSDT": {"ETHUSDT": 0.8}, "ETHUSDT": {"BTCUSDT": 0.8}})
    before = client.info("stats")["total_commands_processed"]
    found = cache.read("BTCUSDT")
    # The answer about the counter is one command too.
    assert client.info("stats")["total_commands_processed"] - before == 2
    assert found.view == BTC == cache.get("BTCUSDT")
    assert found.correlations == {"ETHUSDT": 0.8}
    assert [found.mark(symbol) for symbol in SYMBOLS] == [D("65000.10"), D("1922.5"), None]


def test_what_was_never_published_is_unknown(cache: RedisMarketCache) -> None:
    assert cache.read("BTCUSDT") == MarketReading()
    assert cache.get("BTCUSDT") is None


def test_a_mark_that_is_not_known_any_more_is_no_mark(cache: RedisMarketCache) -> None:
    cache.put([BTC, ETH])
    cache.put([replace(ETH, mark=None)])
    assert cache.read("BTCUSDT").mark("ETHUSDT") is None
    assert cache.read("ETHUSDT").mark("ETHUSDT") is None


def test_everything_ends_with_its_time(cache: RedisMarketCache, client: Redis) -> None:
    cache.put([BTC])
    cache.put_correlations({})
    assert all(client.ttl(key) > 0 for key in client.scan_iter())


@pytest.mark.parametrize("odd", [b"\xff", b"[]", b"{}", b"1", b"NaN", b'{"s": "BTCUSDT", "t": -1}'])
def test_what_cannot_be_read_is_unknown(cache: RedisMarketCache, client: Redis, odd: bytes) -> None:
    for key in (KEY + "BTCUSDT", CORRELATIONS, MARK + "ETHUSDT"):
        client.set(key, odd)
    client.set(MARK + "ETHUSDT", b"1e3" if odd == b"1" else odd)
    assert cache.read("BTCUSDT") == MarketReading()
    assert cache.get("BTCUSDT") is None


def test_without_redis_nothing_is_known(cache: RedisMarketCache, redis: RedisServer) -> None:
    cache.put([BTC])
    redis.kill()
    try:
        assert cache.read("BTCUSDT") == MarketReading()
        assert cache.get("BTCUSDT") is None
    finally:
        redis.start()
