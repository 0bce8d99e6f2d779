"""HTTP 403 stops every call of every process for ten minutes, exits and cancels included."""

from datetime import UTC, datetime

import pytest

from bot.clock import FixedClock
from bot.errors import Throttled
from bot.exchange.bybit.ban import AddressBan
from bot.exchange.bybit.http import BybitExchange
from tests.support.services import RedisServer
from tests.unit.bot.exchange.bybit.bybit_transport import Transport, config, envelope, http

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)

pytestmark = pytest.mark.services


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def exchange(transport: Transport, ban: AddressBan) -> BybitExchange:
    made = BybitExchange(config(), FixedClock(NOW), ban)
    made._session.http.client.mount("http://", transport)
    return made


def server_time() -> object:
    return envelope(result={"timeNano": "1800000000000000000", "timeSecond": "1800000000"})


def test_one_process_that_is_banned_stops_all_of_them(redis: RedisServer) -> None:
    time = Time()
    first = Transport([http(403, b"access too frequent"), server_time()])
    second = Transport([server_time()])
    met = exchange(first, AddressBan(redis.url(3), monotonic=time))
    other = exchange(second, AddressBan(redis.url(3), monotonic=time))
    with pytest.raises(Throttled):
        met.server_time()
    for each in (met, other):
        for call in (each.server_time, each.positions, lambda e=each: e.cancel("BTCUSDT", "x")):
            with pytest.raises(Throttled) as raised:
                call()
            assert raised.value.code == "http_403"
            assert 599 < raised.value.after_seconds <= 600
    assert (len(first.sent), len(second.sent)) == (1, 0)
    # Who has heard of it keeps it, whatever becomes of Redis.
    redis.flushall()
    for each in (met, other):
        with pytest.raises(Throttled):
            each.server_time()
    time.now += 601
    met.server_time()
    other.server_time()
    assert (len(first.sent), len(second.sent)) == (2, 1)


def test_without_redis_a_process_stops_itself() -> None:
    time = Time()
    transport = Transport([http(403, b""), server_time()])
    alone = exchange(transport, AddressBan("redis://127.0.0.1:1/3", monotonic=time))
    for _ in range(3):
        with pytest.raises(Throttled):
            alone.server_time()
    assert len(transport.sent) == 1
    time.now += 601
    alone.server_time()
