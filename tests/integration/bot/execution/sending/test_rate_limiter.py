"""The rate limiter in a real Redis: processes, outages, lost memory, clocks that jump."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.execution.sending import rate_limiter_scripts
from bot.execution.sending.order_window import (
    GRACE_MS,
    WINDOW_MS,
    AllowedRate,
    OrderWindow,
    shared_caps,
)
from bot.execution.sending.rate_limiter import (
    CAREFUL_MS,
    RETRY_SECONDS,
    RedisOrderRateLimiter,
    connect,
)
from tests.support.properties import examples
from tests.support.services import RedisServer

pytestmark = pytest.mark.services

ACCOUNT = "main"
PROCESSES = 4
EXIT_EVERY_SECONDS = 0.6
"""Never more than two in a window: what is kept for them."""
_START_MS = 1_700_000_000_000


@dataclass(frozen=True)
class Rules:
    orders_per_second: int = 10
    exit_reserve: int = 2


@dataclass(frozen=True)
class Grant:
    """An order that may go: it was counted at some moment between these two."""

    asked: float
    told: float
    is_exit: bool
    asks: int


# Many processes


def hammer(
    url: str,
    name: str,
    rules: Rules,
    seconds: float,
    start: Barrier,
    grants: "Queue[list[Grant]]",
) -> None:
    """Forty orders that wait at any time, each asked for again when told, as the sender does."""
    rate_limiter = RedisOrderRateLimiter(connect(url), lambda: rules, processes=PROCESSES + 1)
    due = {f"{name}-{number}": 0.0 for number in range(40)}
    asks = dict.fromkeys(due, 0)
    start.wait()
    until = time.monotonic() + seconds
    serial, next_exit, got = len(due), 0.0, []
    while (asked := time.monotonic()) < until:
        is_exit = name == "0" and asked >= next_exit
        order = f"exit-{asked}" if is_exit else min(due, key=due.__getitem__)
        if is_exit:
            next_exit = asked + EXIT_EVERY_SECONDS
        elif due[order] > asked:
            time.sleep(min(0.01, due[order] - asked))
            continue
        else:
            asks[order] += 1
        wait = rate_limiter.take(ACCOUNT, order=order, is_exit=is_exit)
        told = time.monotonic()
        if is_exit:
            got.append(Grant(asked, told, True, 1 if wait == 0 else 2))
            continue
        due[order] = told + wait
        if wait == 0:
            got.append(Grant(asked, told, False, asks.pop(order)))
            del due[order]
            serial += 1
            due[f"{name}-{serial}"], asks[f"{name}-{serial}"] = told, 0
    grants.put(got)


def run(
    url: str,
    seconds: float,
    rules: Rules = Rules(),
    meanwhile: Callable[[], None] = lambda: None,
) -> list[Grant]:
    """What all processes together were granted in this time."""
    context = multiprocessing.get_context("spawn")
    grants: Queue[list[Grant]] = context.Queue()
    start = context.Barrier(PROCESSES + 1)
    workers = [
        context.Process(
            target=hammer, args=(url, str(n), rules, seconds, start, grants), daemon=True
        )
        for n in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    try:
        start.wait(60)
        meanwhile()
        return [grant for _ in workers for grant in grants.get(timeout=seconds + 60)]
    finally:
        for worker in workers:
            worker.join()


def most_in_a_second(grants: Sequence[Grant]) -> int:
    """The most that were counted within one second, beyond doubt: however long a busy machine
    takes to answer, nothing is held against the budget that may have been counted outside."""
    return max(
        sum(grant.asked >= first.asked and grant.told < first.asked + 1 for grant in grants)
        for first in grants
    )


def settled(url: str) -> None:
    """Returns when Redis knows the budget and believes that nobody is alone."""
    with connect(url) as client:
        RedisOrderRateLimiter(client, Rules).prepare(ACCOUNT)
    time.sleep(CAREFUL_MS / 1000)


def ordinary(grants: Sequence[Grant]) -> list[Grant]:
    return [grant for grant in grants if not grant.is_exit]


@pytest.mark.long
def test_four_processes_stay_within_the_rate_and_exits_go_while_others_queue(
    redis_url: str,
) -> None:
    settled(redis_url)
    grants = run(redis_url, 6)
    assert most_in_a_second(grants) <= 10
    assert most_in_a_second(ordinary(grants)) <= 8
    exits = [grant for grant in grants if grant.is_exit]
    assert len(exits) >= 4
    assert all(grant.asks == 1 for grant in exits)
    # 160 orders wait at any time, and exits hold them up: they come back a few times each, and
    # not whenever there is room.
    asks = [grant.asks for grant in ordinary(grants)]
    assert len(asks) >= 16
    assert sum(asks) / len(asks) < 10


@pytest.mark.long
def test_the_measure_sees_a_rate_that_is_too_high(redis_url: str) -> None:
    settled(redis_url)
    assert most_in_a_second(run(redis_url, 4, Rules(orders_per_second=15))) > 10


@pytest.mark.long
def test_the_rate_holds_while_redis_is_killed_and_comes_back(
    redis: RedisServer, redis_url: str
) -> None:
    settled(redis_url)
    back = 0.0

    def outage() -> None:
        nonlocal back
        time.sleep(3)
        redis.kill()
        time.sleep(3)
        redis.start()
        back = time.monotonic()

    grants = run(redis_url, 11, meanwhile=outage)
    assert most_in_a_second(grants) <= 10
    alone = [grant for grant in grants if back - 1.5 < grant.told < back]
    after = [grant for grant in grants if grant.told > back + CAREFUL_MS / 1000]
    assert alone, "each has its share while Redis is away"
    assert after, "and Redis serves them again"


@pytest.mark.long
def test_the_rate_holds_while_redis_hangs(redis: RedisServer, redis_url: str) -> None:
    settled(redis_url)

    def pause() -> None:
        time.sleep(3)
        redis.pause()
        time.sleep(3)
        redis.resume()

    grants = run(redis_url, 9, meanwhile=pause)
    assert most_in_a_second(grants) <= 10


@pytest.mark.long
def test_the_rate_holds_over_a_flushall_and_nobody_is_locked_out(
    redis: RedisServer, redis_url: str
) -> None:
    settled(redis_url)
    flushed = 0.0

    def flush() -> None:
        nonlocal flushed
        time.sleep(3)
        redis.flushall()
        flushed = time.monotonic()

    grants = run(redis_url, 9, meanwhile=flush)
    assert most_in_a_second(grants) <= 10
    assert [grant for grant in grants if grant.told > flushed + CAREFUL_MS / 1000]


# One script against its model, with a clock that the test moves


@pytest.fixture
def client(redis: RedisServer) -> Iterator[Redis]:
    with redis.client() as client:
        yield client


@pytest.fixture
def server_clock(client: Redis, monkeypatch: pytest.MonkeyPatch) -> "Clocks":
    """The scripts read their time from a key instead of from the server."""
    for name in ("TAKE", "PACE", "THROTTLE"):
        script = getattr(rate_limiter_scripts, name)
        told = script.replace("redis.call('TIME')", "cjson.decode(redis.call('GET', 'test:time'))")
        assert told != script
        monkeypatch.setattr(rate_limiter_scripts, name, told)
    return Clocks(client)


class Link:
    """A client of the real Redis that can't reach it when a test says so."""

    def __init__(self, client: Redis, clocks: "Clocks") -> None:
        self._client = client
        self._clocks = clocks

    def register_script(self, text: str) -> Callable[..., object]:
        script = self._client.register_script(text)

        def run(keys: list[str], args: list[object]) -> object:
            if self._clocks.is_away:
                raise RedisTimeoutError("away")
            return script(keys, args)

        return run

    def zrem(self, *arguments: str) -> object:
        return self._client.zrem(*arguments)


class Clocks:
    """Redis' clock and the processes', which go on together until one jumps."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self.elapsed_ms = 0
        self.is_away = False
        self._ahead_ms = 0
        self.go_on(0)

    def go_on(self, milliseconds: int) -> None:
        self.elapsed_ms += milliseconds
        now = _START_MS + self.elapsed_ms + self._ahead_ms
        self._client.set("test:time", f'["{now // 1000}", "{now % 1000 * 1000}"]')

    def jump(self, milliseconds: int) -> None:
        self._ahead_ms += milliseconds
        self.go_on(0)

    def monotonic(self) -> float:
        return self.elapsed_ms / 1000

    def flush(self) -> None:
        for key in self._client.scan_iter():
            self._client.delete(key)
        self.go_on(0)

    def rate_limiter(self) -> RedisOrderRateLimiter:
        client = cast(Redis, Link(self._client, self))
        return RedisOrderRateLimiter(client, Rules, processes=5, monotonic=self.monotonic)

    def settled(self) -> RedisOrderRateLimiter:
        rate_limiter = self.rate_limiter()
        rate_limiter.prepare(ACCOUNT)
        self.go_on(CAREFUL_MS)
        return rate_limiter


def goes(rate_limiter: RedisOrderRateLimiter, order: str, *, is_exit: bool = False) -> bool:
    return rate_limiter.take(ACCOUNT, order=order, is_exit=is_exit) == 0


@settings(
    max_examples=examples(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 20), st.integers(0, 20), st.integers(0, 500)),
            st.integers(0, 25),
            st.booleans(),
            st.sampled_from(["take"] * 12 + ["cancel", "throttle", "pause"]),
        ),
        min_size=20,
        max_size=80,
    )
)
def test_the_script_and_its_model_give_the_same_answers(
    redis: RedisServer, server_clock: Clocks, steps: list[tuple[int, int, bool, str]]
) -> None:
    redis.flushall()
    server_clock.go_on(0)
    rate_limiter, window, pace = server_clock.settled(), OrderWindow(), AllowedRate()
    caps = shared_caps(Rules.orders_per_second, Rules.exit_reserve)
    for after, order, is_exit, act in steps:
        server_clock.go_on(after)
        now, name = server_clock.elapsed_ms, f"order-{order}"
        if act == "pause":
            server_clock.go_on(GRACE_MS - 500)
        elif act == "cancel":
            assert rate_limiter.take_cancel(ACCOUNT) == pace.take(now, caps.every) / 1000
        elif act == "throttle":
            rate_limiter.throttled(ACCOUNT, 0.3)
            rate_limiter.throttled(ACCOUNT, 0.2, cancels=True)
            window.close_until(now + 300)
            pace.close_until(now + 200)
        else:
            told = rate_limiter.take(ACCOUNT, order=name, is_exit=is_exit)
            assert told == window.take(now, name, caps, is_exit=is_exit) / 1000


@settings(
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(
                ["go on"] * 2 + ["burst"] * 4 + ["away", "back", "back", "flush", "jump"]
            ),
            st.integers(0, 4),  # the process
            st.integers(0, 1_200),
            st.booleans(),
        ),
        min_size=10,
        max_size=40,
    )
)
def test_five_processes_stay_within_the_rate_whatever_happens_to_redis(
    redis: RedisServer, server_clock: Clocks, steps: list[tuple[str, int, int, bool]]
) -> None:
    redis.flushall()
    server_clock.is_away = False
    server_clock.go_on(0)
    rate_limiters = [server_clock.rate_limiter() for _ in range(5)]
    for rate_limiter in rate_limiters:
        rate_limiter.prepare(ACCOUNT)
    server_clock.go_on(CAREFUL_MS)
    went = []
    for number, (event, process, size, is_exit) in enumerate(steps):
        if event == "go on":
            server_clock.go_on(size)
        elif event == "flush":
            server_clock.flush()
        elif event == "jump":
            server_clock.jump(size * 10 - 6_000)
        elif event in ("away", "back"):
            server_clock.is_away = event == "away"
        for order in range(12 if event == "burst" else 0):
            if goes(rate_limiters[process], f"{number}-{order}", is_exit=is_exit):
                went.append(server_clock.elapsed_ms)
        server_clock.go_on(size // 10)
    for start in went:
        assert sum(start <= moment < start + 1_000 for moment in went) <= 10


def test_while_redis_may_be_new_to_others_all_together_get_the_share_of_one(
    server_clock: Clocks,
) -> None:
    server_clock.settled()
    rate_limiters = [server_clock.rate_limiter() for _ in range(5)]
    server_clock.is_away = True
    assert not any(goes(rate_limiter, "a", is_exit=True) for rate_limiter in rate_limiters)
    server_clock.go_on(WINDOW_MS)
    # Four send alone and won't ask Redis for a while, which is back when the fifth asks it.
    alone = [
        goes(rate_limiter, f"{n}", is_exit=True)
        for rate_limiter in rate_limiters[1:]
        for n in range(3)
    ]
    assert alone.count(True) == 8
    server_clock.is_away = False
    shared = [goes(rate_limiters[0], f"{n}", is_exit=True) for n in range(12)]
    assert shared.count(True) == 2
    server_clock.go_on(CAREFUL_MS)
    assert [goes(rate_limiters[0], f"all-{n}", is_exit=True) for n in range(10)] == [True] * 10


def test_what_a_process_sent_alone_counts_when_it_is_back(server_clock: Clocks) -> None:
    rate_limiter = server_clock.settled()
    server_clock.is_away = True
    goes(rate_limiter, "a", is_exit=True)
    server_clock.go_on(WINDOW_MS)
    assert [goes(rate_limiter, f"{n}", is_exit=True) for n in range(3)] == [True, True, False]
    server_clock.is_away = False
    server_clock.go_on(round(RETRY_SECONDS * 1000))
    assert not goes(rate_limiter, "b", is_exit=True)


@pytest.mark.parametrize("jump", [3_600_000, -3_600_000, 500, -500])
def test_a_clock_that_jumps_lets_nothing_extra_through_and_locks_nobody_out(
    server_clock: Clocks, jump: int
) -> None:
    rate_limiter, other = server_clock.settled(), server_clock.rate_limiter()
    other.prepare(ACCOUNT)
    assert [goes(rate_limiter, str(n), is_exit=True) for n in range(11)] == [True] * 10 + [False]
    for n in range(20):
        rate_limiter.take(ACCOUNT, order=f"waiting-{n}", is_exit=False)
        rate_limiter.take_cancel(ACCOUNT)
    server_clock.jump(jump)
    server_clock.go_on(100)
    assert not any(
        goes(each, f"late-{n}", is_exit=True) for n in range(10) for each in (other, rate_limiter)
    )
    assert rate_limiter.take_cancel(ACCOUNT) < 5
    server_clock.go_on(WINDOW_MS)
    assert goes(other, "late-0", is_exit=True)
    server_clock.go_on(CAREFUL_MS)
    assert goes(rate_limiter, "newcomer")


def test_a_jump_that_another_process_has_seen_costs_no_second_window(server_clock: Clocks) -> None:
    rate_limiter, other = server_clock.settled(), server_clock.rate_limiter()
    other.prepare(ACCOUNT)
    server_clock.jump(60_000)
    server_clock.go_on(10)
    assert not goes(rate_limiter, "a")
    server_clock.go_on(CAREFUL_MS)
    assert goes(other, "b")


def test_a_lost_memory_counts_as_a_full_window_then_one_share_then_all(
    redis: RedisServer, server_clock: Clocks
) -> None:
    rate_limiter = server_clock.settled()
    assert all(goes(rate_limiter, str(n)) for n in range(8))
    redis.flushall()
    server_clock.go_on(1)
    assert not goes(rate_limiter, "exit", is_exit=True)
    server_clock.go_on(WINDOW_MS)
    assert goes(rate_limiter, "exit", is_exit=True)
    assert [goes(rate_limiter, f"careful-{n}", is_exit=True) for n in range(2)] == [True, False]
    server_clock.go_on(CAREFUL_MS)
    assert [goes(rate_limiter, f"all-{n}", is_exit=True) for n in range(11)] == [True] * 10 + [
        False
    ]


def test_a_throttle_holds_for_every_process_and_leaves_cancels_alone(server_clock: Clocks) -> None:
    rate_limiter, other = server_clock.settled(), server_clock.rate_limiter()
    rate_limiter.throttled(ACCOUNT, 0.4)
    waits = [other.take(ACCOUNT, order=str(n), is_exit=True) for n in range(5)]
    assert waits[0] == 0.4
    assert len(set(waits)) == 5
    assert other.take_cancel(ACCOUNT) == 0
    server_clock.go_on(401)
    assert goes(other, "0", is_exit=True)


def test_accounts_have_budgets_of_their_own(server_clock: Clocks) -> None:
    rate_limiter = server_clock.settled()
    rate_limiter.prepare("second")
    server_clock.go_on(CAREFUL_MS)
    assert all(goes(rate_limiter, str(n), is_exit=True) for n in range(10))
    assert rate_limiter.take("second", order="a", is_exit=False) == 0


def test_creates_take_nothing_from_cancels_nor_cancels_from_creates(server_clock: Clocks) -> None:
    rate_limiter = server_clock.settled()
    assert all(goes(rate_limiter, str(n), is_exit=True) for n in range(10))
    assert [rate_limiter.take_cancel(ACCOUNT) for _ in range(10)] == [0] * 10
    # Who has to wait takes nothing: however many ask meanwhile, the wait is the same.
    assert [rate_limiter.take_cancel(ACCOUNT) for _ in range(30)] == [WINDOW_MS / 1000] * 30
    server_clock.go_on(WINDOW_MS)
    assert [rate_limiter.take_cancel(ACCOUNT) for _ in range(10)] == [0] * 10
    assert goes(rate_limiter, "after", is_exit=True)


def test_what_redis_keeps_of_a_budget_is_one_small_key_when_nothing_moves(
    client: Redis, redis_url: str
) -> None:
    settled(redis_url)
    with connect(redis_url) as own:
        rate_limiter = RedisOrderRateLimiter(own, Rules)
        for n in range(12):
            rate_limiter.take(ACCOUNT, order=str(n), is_exit=False)
            rate_limiter.take_cancel(ACCOUNT)
    kept = {bytes(key).decode(): client.ttl(key) for key in client.scan_iter("mlrisk:orders:*")}
    without_end = [key for key, ttl in kept.items() if ttl == -1]
    assert without_end == [f"mlrisk:orders:{{{ACCOUNT}}}:state"]


def test_a_server_that_restarts_between_two_calls_costs_no_outage(
    redis: RedisServer, redis_url: str
) -> None:
    settled(redis_url)
    with connect(redis_url) as own:
        rate_limiter = RedisOrderRateLimiter(own, Rules)
        assert goes(rate_limiter, "a", is_exit=True)
        redis.restart()
        assert goes(rate_limiter, "b", is_exit=True)
