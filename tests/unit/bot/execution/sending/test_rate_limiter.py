"""The rate limiter while Redis is away, hangs or shows another time: each process alone."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.execution.sending import rate_limiter_scripts
from bot.execution.sending.order_window import WINDOW_MS
from bot.execution.sending.rate_limiter import RETRY_SECONDS, RedisOrderRateLimiter, connect
from tests.support.properties import examples

ACCOUNT = "main"
WINDOW_SECONDS = WINDOW_MS / 1000


@dataclass(frozen=True)
class Rules:
    orders_per_second: int = 10
    exit_reserve: int = 2


class FakeTime:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ScriptedRedis:
    """A client whose scripts answer what a test says, at the time that a test says."""

    def __init__(self, time: FakeTime) -> None:
        self._time = time
        self.fails: list[RedisError] = []
        self.always_fails: RedisError | None = None
        self.clock_ahead_ms = 0
        self.calls: list[tuple[str, list[object]]] = []

    def register_script(self, script: str) -> Callable[..., object]:
        names = {
            rate_limiter_scripts.TAKE: "take",
            rate_limiter_scripts.PACE: "pace",
            rate_limiter_scripts.THROTTLE: "throttle",
        }

        def run(keys: list[str], args: list[object]) -> object:
            self.calls.append((names[script], args))
            if self.always_fails is not None:
                raise self.always_fails
            if self.fails:
                raise self.fails.pop(0)
            return [0, int(self._time.now * 1000) + 1_700_000_000_000 + self.clock_ahead_ms]

        return run

    def taken_with(self, name: str) -> list[object]:
        """One argument of every call of `take`, by its name in the script."""
        position: Mapping[str, int] = {"away": 7, "unrecorded": 8, "trusted": 9}
        return [args[position[name]] for call, args in self.calls if call == "take"]


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def redis(time: FakeTime) -> ScriptedRedis:
    return ScriptedRedis(time)


@pytest.fixture
def rate_limiter(redis: ScriptedRedis, time: FakeTime) -> RedisOrderRateLimiter:
    return make(redis, time)


def make(redis: ScriptedRedis, time: FakeTime) -> RedisOrderRateLimiter:
    return RedisOrderRateLimiter(redis, Rules, processes=5, monotonic=time)  # type: ignore[arg-type]


def take(rate_limiter: RedisOrderRateLimiter, order: str, *, is_exit: bool = False) -> float:
    return rate_limiter.take(ACCOUNT, order=order, is_exit=is_exit)


def test_nothing_goes_for_a_window_after_redis_was_lost_then_the_share(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis, time: FakeTime
) -> None:
    redis.always_fails = RedisTimeoutError("hangs")
    assert take(rate_limiter, "a", is_exit=True) == pytest.approx(WINDOW_SECONDS, abs=0.002)
    time.now += WINDOW_SECONDS + 0.002
    assert [take(rate_limiter, name, is_exit=True) > 0 for name in "abc"] == [False, False, True]


def test_one_place_of_the_share_is_kept_for_exits(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis, time: FakeTime
) -> None:
    redis.always_fails = RedisTimeoutError("hangs")
    take(rate_limiter, "a")
    time.now += WINDOW_SECONDS + 0.002
    assert [take(rate_limiter, name) > 0 for name in "ab"] == [False, True]
    assert take(rate_limiter, "exit", is_exit=True) == 0


def test_a_redis_that_hangs_is_asked_once_per_retry_time_and_never_by_the_others(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis, time: FakeTime
) -> None:
    redis.always_fails = RedisTimeoutError("hangs")
    for number in range(50):
        take(rate_limiter, str(number))
        rate_limiter.take_cancel(ACCOUNT)
    assert len(redis.calls) == 1
    time.now += RETRY_SECONDS
    for number in range(50):
        take(rate_limiter, str(number))
    assert len(redis.calls) == 2


def test_each_change_is_logged_once(
    rate_limiter: RedisOrderRateLimiter,
    redis: ScriptedRedis,
    time: FakeTime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="bot.execution.sending.rate_limiter")
    redis.always_fails = RedisTimeoutError("hangs")
    for _ in range(20):
        take(rate_limiter, "a")
        time.now += 0.2
    redis.always_fails = None
    for _ in range(20):
        take(rate_limiter, "a")
        time.now += 0.2
    events = [getattr(record, "event", None) for record in caplog.records]
    assert events == ["order_budget.alone", "order_budget.shared"]


def test_a_broken_connection_is_no_outage_but_redis_is_told_that_there_may_have_been_one(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis
) -> None:
    redis.fails = [RedisConnectionError("closed by the server")]
    assert take(rate_limiter, "a") == 0
    assert take(rate_limiter, "b") == 0
    assert redis.taken_with("away") == [-1, 0, -1]


def test_what_was_sent_alone_is_counted_in_redis_on_return(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis, time: FakeTime
) -> None:
    redis.always_fails = RedisTimeoutError("hangs")
    take(rate_limiter, "a")
    time.now += WINDOW_SECONDS + 0.002
    assert [take(rate_limiter, name, is_exit=True) for name in "ab"] == [0, 0]
    redis.always_fails = None
    time.now += RETRY_SECONDS
    take(rate_limiter, "c")
    take(rate_limiter, "d")
    assert redis.taken_with("unrecorded")[-2:] == [2, 0]
    away = redis.taken_with("away")[-2:]
    assert away[0] == pytest.approx((WINDOW_SECONDS + RETRY_SECONDS) * 1000, abs=5)
    assert away[1] == -1


def test_a_clock_of_redis_that_jumps_is_noticed_and_a_slow_one_is_not_a_jump(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis, time: FakeTime
) -> None:
    take(rate_limiter, "a")
    time.now += 3600
    redis.clock_ahead_ms = 1_800  # 500 ppm
    take(rate_limiter, "b")
    assert redis.taken_with("trusted") == [-1, -1]
    for jump in (60_000, -60_000, 40):
        redis.clock_ahead_ms += jump
        time.now += 1
        redis.calls.clear()
        take(rate_limiter, "c")
        assert redis.taken_with("trusted") == [-1, 1000]


def test_cancels_go_at_once_when_redis_was_lost_and_are_paced_by_the_share(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis
) -> None:
    redis.always_fails = RedisTimeoutError("hangs")
    for number in range(20):
        take(rate_limiter, str(number))
    assert [rate_limiter.take_cancel(ACCOUNT) for _ in range(2)] == [0, 0]
    assert rate_limiter.take_cancel(ACCOUNT) == pytest.approx(WINDOW_SECONDS, abs=0.002)


def test_a_throttle_outlives_redis_and_is_bounded(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis, time: FakeTime
) -> None:
    rate_limiter.throttled(ACCOUNT, 3600)
    rate_limiter.throttled(ACCOUNT, -1, cancels=True)
    assert [args[0] for name, args in redis.calls if name == "throttle"] == [5000, 100]
    redis.always_fails = RedisTimeoutError("hangs")
    wait = take(rate_limiter, "a")
    time.now += 4.99
    assert take(rate_limiter, "a") > 0
    time.now += 0.02
    assert take(rate_limiter, "a") == 0
    assert 0 < wait <= 5


def test_a_throttle_of_creates_delays_no_cancel(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis
) -> None:
    redis.always_fails = RedisTimeoutError("hangs")
    rate_limiter.throttled(ACCOUNT, 1)
    assert rate_limiter.take_cancel(ACCOUNT) == 0


def test_callers_who_are_refused_alone_get_different_times_and_not_all_of_the_wait(
    rate_limiter: RedisOrderRateLimiter, redis: ScriptedRedis, time: FakeTime
) -> None:
    redis.always_fails = RedisTimeoutError("hangs")
    take(rate_limiter, "first")
    time.now += WINDOW_SECONDS + 0.002
    waits = [take(rate_limiter, str(number)) for number in range(50)]
    assert len(set(waits)) == 50
    # Alone it would be one a window; with all of the rate the fifty are through in 7 s.
    assert max(waits) < 50 * WINDOW_SECONDS / 4


def test_the_clients_patience_is_short_and_it_retries_nothing() -> None:
    with connect("redis://127.0.0.1:1/3") as client:
        arguments = client.connection_pool.connection_kwargs
        assert arguments["socket_timeout"] <= 0.25
        assert arguments["socket_connect_timeout"] <= 0.25
        assert arguments["retry"].get_retries() == 0


@settings(max_examples=examples(60))
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 400),
            st.integers(0, 4),  # the process
            st.integers(0, 9),  # the order
            st.booleans(),
        ),
        max_size=150,
    )
)
def test_five_processes_without_redis_stay_within_the_rate_in_any_second(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    time = FakeTime()
    redis = ScriptedRedis(time)
    redis.always_fails = RedisTimeoutError("hangs")
    rate_limiters = [make(redis, time) for _ in range(5)]
    went = []
    for after, process, order, is_exit in steps:
        time.now += after / 1000
        if take(rate_limiters[process], f"{process}-{order}", is_exit=is_exit) == 0:
            went.append(time.now)
    for start in went:
        assert sum(start <= moment < start + 1 for moment in went) <= 10
