"""What the exchange closes is called by no process: all of it for ten minutes after HTTP 403,
exits and cancels included, and one endpoint until the reset of its rate limit."""

from datetime import UTC, datetime
from time import monotonic

import pytest
from requests import Response

from bot.clock import FixedClock
from bot.errors import RetryLater, Throttled
from bot.exchange.bybit.closures import Closures
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


def exchange(transport: Transport, closures: Closures) -> BybitExchange:
    made = BybitExchange(config(), FixedClock(NOW), closures)
    made._session.http.client.mount("http://", transport)
    return made


def server_time() -> object:
    return envelope(result={"timeNano": "1800000000000000000", "timeSecond": "1800000000"})


def test_one_process_that_is_banned_stops_all_of_them(redis: RedisServer) -> None:
    time = Time()
    first = Transport([http(403, b"access too frequent"), server_time()])
    second = Transport([server_time()])
    met = exchange(first, Closures(redis.url(3), monotonic=time))
    other = exchange(second, Closures(redis.url(3), monotonic=time))
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
    alone = exchange(transport, Closures("redis://127.0.0.1:1/3", monotonic=time))
    for _ in range(3):
        with pytest.raises(Throttled):
            alone.server_time()
    assert len(transport.sent) == 1
    time.now += 601
    alone.server_time()


def too_fast(code: int = 10006) -> Response:
    """Without its headers: two seconds, as pybit assumes."""
    return envelope(code=code, msg="Too many visits")


def gone() -> Response:
    return envelope(code=110001, msg="order not exists")


def test_an_endpoint_that_says_too_fast_is_called_by_nobody_until_its_reset(
    redis: RedisServer,
) -> None:
    time = Time()
    first = Transport([too_fast(), envelope({"list": []}), gone()])
    second = Transport([envelope({"list": []}), gone()])
    met = exchange(first, Closures(redis.url(3), monotonic=time))
    other = exchange(second, Closures(redis.url(3), monotonic=time))
    for each in (met, other, met):
        with pytest.raises(Throttled) as raised:
            each.cancel("BTCUSDT", "x")
        assert 1.9 < raised.value.after_seconds <= 2
    # What is counted apart goes on.
    assert met.positions() == other.positions() == []
    assert (len(first.sent), len(second.sent)) == (2, 1)
    time.now += 3
    redis.flushall()
    for each in (met, other):
        each.cancel("BTCUSDT", "x")
    assert (len(first.sent), len(second.sent)) == (3, 2)


@pytest.mark.parametrize(
    "answer",
    [too_fast(), too_fast(10429), http(429, b"")],
    ids=["10006", "10429", "HTTP 429"],
)
def test_a_read_that_is_too_fast_is_made_by_nobody_else(
    redis: RedisServer, answer: Response
) -> None:
    time = Time()
    first, second = Transport([answer]), Transport([envelope({"list": []})])
    met = exchange(first, Closures(redis.url(3), monotonic=time))
    other = exchange(second, Closures(redis.url(3), monotonic=time))
    for each in (met, other):
        with pytest.raises(RetryLater):
            each.positions()
    assert (len(first.sent), len(second.sent)) == (1, 0)
    time.now += 3
    redis.flushall()
    assert other.positions() == []


def test_a_limit_of_the_address_stops_every_endpoint(redis: RedisServer) -> None:
    time = Time()
    first, second = Transport([too_fast(10018)]), Transport([])
    met = exchange(first, Closures(redis.url(3), monotonic=time))
    other = exchange(second, Closures(redis.url(3), monotonic=time))
    for each in (met, other):
        for call in (each.positions, lambda e=each: e.cancel("BTCUSDT", "x")):
            with pytest.raises(Throttled):
                call()
    assert (len(first.sent), len(second.sent)) == (1, 0)


def test_a_read_waits_as_long_as_the_exchange_asks() -> None:
    headers = {"X-Bapi-Limit-Reset-Timestamp": "1800000000600", "Timenow": "1800000000000"}
    sent_at: list[float] = []
    answers = [
        envelope(code=10006, msg="Too many visits", headers=headers),
        envelope({"list": []}),
    ]

    def answer(_: object) -> Response:
        sent_at.append(monotonic())
        return answers[len(sent_at) - 1]

    assert exchange(Transport(answer), Closures()).positions() == []
    first, second = sent_at
    assert second - first >= 0.6
