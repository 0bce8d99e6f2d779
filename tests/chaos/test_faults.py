"""What fails around the workers: the exchange, its streams, Redis, Postgres, and a frozen worker.

A TWAP and a passive trade, which rests, are under way when it happens. Afterwards the exchange's
journal has each child at most once and in time, and all ten invariants hold. Deaths of our own
processes are in test_kills.py; this system's servers are its own, so that they may die.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import psutil
import pytest
from redis import Redis

from bot import failpoints
from models.enums import ParentState
from models.tables import ParentOrderRow
from tests.support.agreement import (
    accepted_links,
    assert_request_agrees,
    assert_system_agrees,
    audited,
    resting_orders,
)
from tests.support.services import postgres_server
from tests.support.system import MiniSystem, mini_system, some_size, trade_request

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.xdist_group("faults")]

LEASE_SECONDS = 8.0
"""Shorter than the default: a frozen worker's child is another's sooner."""
SHORT, LONG = 8.0, 20.0
"""Horizons in seconds. The long one has room for the proof that an order was not taken (10 s), and
for several orders in a row that are looked up only because their news is overdue (3 s each)."""
OUTAGE_SECONDS = 20.0
OUTAGE_HORIZON = 50.0
WAVES = 10
"""Whether a resting order lives until it is called back is the market's to say, and whether a trade
is whole at its deadline also the machine's: what has not struck or is short gets other trades."""
SHORT_OF_IT = (ParentState.PARTIAL, ParentState.UNFILLED)


@contextmanager
def new_system() -> Iterator[MiniSystem]:
    with (
        postgres_server() as postgres,
        mini_system(
            postgres,
            keep_exchange=True,
            settings={"MLRISK_LEASE_SECONDS": str(LEASE_SECONDS)},
            queues=("validation", "execution", "monitoring"),
        ) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def system() -> Iterator[MiniSystem]:
    with new_system() as running:
        yield running


@pytest.fixture
def system_of_its_own() -> Iterator[MiniSystem]:
    """For what outlasts the test: a ban of our address stops every process for ten minutes."""
    with new_system() as running:
        yield running


def enqueue_both(system: MiniSystem, horizon: float) -> tuple[str, str]:
    """A TWAP of four slices and a passive trade; returns when both are approved and at work."""
    system.tend(lambda: system.market_ready() and system.consuming("execution"), "the market")
    twap = {
        "algorithm": "twap",
        "interval_seconds": horizon / 4,
        "position_size": some_size(),
    }
    passive = {
        "algorithm": "passive",
        "cross_margin_seconds": horizon / 2,
        # So large that it still rests when it is called back.
        "position_size": f"{Decimal(some_size()) * 30:f}",
    }
    requests = [
        trade_request(signal_data={**work, "horizon_seconds": horizon}) for work in (twap, passive)
    ]
    tasks = [system.send(request) for request in requests]
    outcomes = [system.result(task) for task in tasks]
    refusals = [outcome["reasons"] for outcome in outcomes if outcome["verdict"] != "allow"]
    assert refusals == []
    first, second = (str(request["request_id"]) for request in requests)
    return first, second


def ended(
    system: MiniSystem, names: Sequence[str], states: Sequence[str] = (ParentState.COMPLETED,)
) -> list[ParentOrderRow]:
    """Waits for the parents' end and compares everything with the exchange."""
    system.tend(lambda: all(system.finished(name) for name in names), "the parents to end", 90)
    parents = [assert_request_agrees(system, name) for name in names]
    for parent in parents:
        assert parent.state in states, described(system, parent)
    assert_system_agrees(system)
    return parents


def described(system: MiniSystem, parent: ParentOrderRow) -> str:
    """The story of a parent that ended otherwise than expected; seconds since its start."""
    lines = [f"{parent.algorithm} {parent.state}: {parent.end_reason}"]
    for child in system.children(parent.request_id):
        moments = (child.sent_at, child.cancel_requested_at, child.final_at)
        seconds = [m and round((m - parent.start_at).total_seconds(), 1) for m in moments]
        lines.append(f"{child.slot} {child.style} {child.state} {seconds} {child.note}")
    return "\n".join(lines)


@contextmanager
def switched_on(system: MiniSystem, *faults: dict[str, Any]) -> Iterator[None]:
    """Faults of the exchange for the time of the block."""
    for fault in faults:
        system.exchange.fault(**fault)
    try:
        yield
    finally:
        system.exchange.clear_faults()


def unstruck(system: MiniSystem) -> list[str]:
    """Faults that are on and have not struck yet."""
    faults = system.exchange.control("GET", "status")["faults"]
    return [fault["name"] for fault in faults if not fault["fired"]]


CREATE = "order/create"
FAULTS: dict[str, tuple[float, list[dict[str, Any]]]] = {
    "lost-acks": (
        SHORT,
        [
            {"name": "drop_after", "endpoint": CREATE, "n": 2, "hold_ms": 1500},
            {"name": "reset_after", "endpoint": CREATE, "n": 1},
        ],
    ),
    "errors-with-effect": (
        SHORT,
        [
            {"name": "code_10000_effect", "endpoint": CREATE, "n": 2},
            {"name": "http_500_effect", "endpoint": CREATE, "n": 1},
        ],
    ),
    "errors-without-effect": (
        LONG,
        [
            {"name": "code_10000", "endpoint": CREATE, "n": 1},
            {"name": "reset_before", "endpoint": CREATE, "n": 1},
        ],
    ),
    "over-the-rate-limit": (SHORT, [{"name": "rate_limit", "endpoint": CREATE, "n": 3}]),
    "repeated-and-late-executions": (
        SHORT,
        [
            {"name": "duplicate_execution"},
            {"name": "late_execution", "p": 0.5},
            {"name": "double_filled"},
        ],
    ),
    "gaps-of-the-account-stream": (
        LONG,
        [
            {"name": "stream_gap", "endpoint": "execution"},
            {"name": "stream_gap", "endpoint": "order"},
        ],
    ),
    "gaps-of-the-market-stream": (
        SHORT,
        [{"name": "stream_gap", "endpoint": "orderbook*", "n": 5}],
    ),
    "lost-cancels": (
        SHORT,
        [{"name": "drop_after", "endpoint": "order/cancel", "n": 1, "hold_ms": 1500}],
    ),
}


@pytest.mark.parametrize(("horizon", "faults"), FAULTS.values(), ids=FAULTS.keys())
def test_the_whole_quantity_is_traded_once_in_spite_of(
    system: MiniSystem, horizon: float, faults: list[dict[str, Any]]
) -> None:
    with switched_on(system, *faults):
        for _ in range(WAVES):
            states = (ParentState.COMPLETED, *SHORT_OF_IT)
            parents = ended(system, enqueue_both(system, horizon), states)
            short = [parent for parent in parents if parent.state in SHORT_OF_IT]
            if not unstruck(system) and not short:
                break
        assert unstruck(system) == [], "these proved nothing"
        assert [described(system, parent) for parent in short] == []


def test_a_ban_of_our_address_ends_a_child_at_its_deadline_and_doubles_nothing(
    system_of_its_own: MiniSystem,
) -> None:
    """403 asks for ten minutes of silence: what is not sent by its deadline is released."""
    system = system_of_its_own
    system.tend(lambda: system.market_ready() and system.consuming("execution"), "the market")
    # Slices alone: what rests when the ban begins can't be called back before it is over.
    work = {"algorithm": "twap", "interval_seconds": SHORT / 4, "horizon_seconds": SHORT}
    request = trade_request(signal_data={**work, "position_size": some_size()})
    name = str(request["request_id"])
    with switched_on(system, {"name": "http_403", "endpoint": CREATE, "n": 1, "seconds": 2}):
        assert system.outcome(request)["verdict"] == "allow"
        ended(system, [name], (ParentState.UNFILLED,))
        assert unstruck(system) == []
    assert accepted_links(system, name) == []


def test_broken_streams_lose_no_fill_and_each_gap_is_reconciled(system: MiniSystem) -> None:
    names = enqueue_both(system, SHORT)
    for _ in range(3):
        before = times_reconciled(system)
        system.exchange.control("POST", "actions/close_sockets", {})
        system.tend(
            lambda seen=before: times_reconciled(system) > seen,  # type: ignore[misc]
            "the feed to reconcile the account",
        )
    ended(system, names)


def times_reconciled(system: MiniSystem) -> int:
    """How often the feed has read what its stream may have missed."""
    return system.workers["feed"].log.read_text().count("account reconciled")


def flush_redis(system: MiniSystem) -> None:
    system.redis.flushall()


def restart_redis(system: MiniSystem) -> None:
    system.redis.kill()
    system.redis.start()


def restart_postgres(system: MiniSystem) -> None:
    system.postgres.kill()
    system.postgres.start()


@pytest.mark.parametrize("disaster", [flush_redis, restart_redis, restart_postgres])
def test_resting_and_sliced_trades_go_on_after(
    system: MiniSystem, disaster: Callable[[MiniSystem], None]
) -> None:
    names = enqueue_both(system, LONG)
    system.wait(lambda: len(accepted_links(system, *names)) >= 2, "the first orders")
    disaster(system)
    ended(system, names)


def test_a_request_that_comes_while_postgres_is_away_is_decided_when_it_is_back(
    system: MiniSystem,
) -> None:
    """It is nowhere but in its message then."""
    system.wait(system.market_ready, "the market")
    system.postgres.kill()
    request = trade_request()
    task = system.send(request)
    system.wait(lambda: "will be tried again" in system.logs("validation"), "a first attempt")
    system.postgres.start()
    assert system.result(task)["verdict"] == "allow"
    assert system.outcome(request)["request_id"] == request["request_id"]
    ended(system, [str(request["request_id"])])


def test_a_call_that_breaks_the_task_itself_fails_once_and_does_not_come_again(
    system: MiniSystem,
) -> None:
    breaking = system.run_task("validation", "validate_stored")
    empty = system.run_task("validation", "validate_and_execute")
    assert system.result(empty)["error"]["type"] == "bad_message"
    for task in (breaking, empty):
        system.wait(partial(is_gone, system, "validation", task), "the message to be gone")


def test_a_worker_that_is_frozen_in_a_decision_gives_its_request_back(system: MiniSystem) -> None:
    """Celery kills it at the hard time limit, here a short one; its message is all there is."""
    worker = system.workers["validation"]
    usual = list(worker.command)
    worker.kill()
    worker.command = [*usual, "--time-limit", "8"]
    marker = system.home / "frozen-decision"
    worker.start(MLRISK_FAILPOINT=f"stop:{failpoints.BEFORE_DECISION_COMMIT}@{marker}")
    try:
        system.wait(system.market_ready, "the market")
        request = trade_request()
        system.send(request)
        system.wait(marker.exists, "a worker to freeze")
        ended(system, [str(request["request_id"])])
    finally:
        worker.kill()
        worker.command = usual
        worker.start()


def test_messages_in_lanes_outlive_their_worker_and_redis_and_each_is_decided_once(
    system: MiniSystem,
) -> None:
    """One is taken and the others have been put into lanes when the worker dies, and then Redis."""
    worker = system.workers["validation"]
    worker.kill()
    asked = [trade_request(metadata={"strategy": name}) for name in "aaaaaabbb"]
    tasks = [system.send(request) for request in asked]
    marker = system.home / "frozen-with-lanes"
    worker.start(MLRISK_FAILPOINT=f"stop:{failpoints.BEFORE_DECISION_COMMIT}@{marker}")
    system.wait(marker.exists, "a worker to freeze")
    lanes = ("validation.of.a", "validation.of.b")
    with system.redis.client(0) as broker:
        assert len(held_tags(broker, tasks)) == 1
        assert sum(broker.llen(lane) for lane in lanes) == len(asked) - 1
    worker.kill()
    restart_redis(system)
    with system.redis.client(0) as broker:
        (tag,) = held_tags(broker, tasks)
        # As after the visibility timeout, which is minutes.
        broker.zadd("unacked_index", {tag: 1})
    worker.start()
    names = [str(request["request_id"]) for request in asked]
    for task, name in zip(tasks, names, strict=True):
        outcome = system.result(task)
        assert (outcome["request_id"], outcome["verdict"]) == (name, "allow")
    ended(system, names)
    decided = [entry.subject for entry in audited(system, "decision") if entry.subject in names]
    assert sorted(decided) == sorted(names)
    with system.redis.client(0) as broker:
        system.wait(lambda: not held_tags(broker, tasks), "the last acknowledgement")
        assert not broker.exists(*lanes)


def held_tags(broker: Redis, tasks: Sequence[str]) -> list[bytes]:
    """The tags of those of the tasks that a worker has taken and not acknowledged."""
    found = broker.hgetall("unacked").items()
    return [tag for tag, message in found if any(task.encode() in message for task in tasks)]


@contextmanager
def frozen_exchange(system: MiniSystem) -> Iterator[None]:
    """Connections hang: nothing is answered, nothing is refused."""
    process = psutil.Process(system.exchange.pid)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@contextmanager
def killed_exchange(system: MiniSystem) -> Iterator[None]:
    """Connections are refused; what it had acknowledged is there again afterwards."""
    system.exchange.kill()
    try:
        yield
    finally:
        system.exchange.start()


@pytest.mark.parametrize("outage", [frozen_exchange, killed_exchange])
def test_20_seconds_without_the_exchange_double_nothing_and_keep_the_deadline(
    system: MiniSystem, outage: Callable[[MiniSystem], Any]
) -> None:
    names = enqueue_both(system, OUTAGE_HORIZON)
    system.wait(lambda: len(accepted_links(system, *names)) >= 2, "the first orders")
    with outage(system):
        sent = len(accepted_links(system, *names))
        pass_time(system, OUTAGE_SECONDS)
    ended(system, names, (ParentState.COMPLETED, ParentState.PARTIAL))
    assert len(accepted_links(system, *names)) > sent, "work was not taken up again"


def pass_time(system: MiniSystem, seconds: float) -> None:
    """The outage itself: what ends meanwhile is started again."""
    over = time.monotonic() + seconds
    system.tend(lambda: time.monotonic() > over, "the end of the outage", seconds + 10)


@pytest.mark.parametrize("point", [failpoints.AFTER_CLAIM_COMMIT, failpoints.BEFORE_POST])
def test_a_worker_frozen_before_its_post_wakes_after_its_lease_and_doubles_nothing(
    system: MiniSystem, point: str
) -> None:
    """At the first point it looks at its lease and gives up. At the second it has looked already
    and does post: the exchange knows the id by then, because it is the child's own."""
    worker = system.workers["execution"]
    worker.kill()
    marker = system.home / f"frozen-{point}"
    worker.start(MLRISK_FAILPOINT=f"stop:{point}@{marker}")
    names = enqueue_both(system, LONG)
    system.wait(marker.exists, "a worker to freeze")
    frozen = system.wait(lambda: frozen_child(worker.process), "the frozen process")

    taken_over = system.wait(
        lambda: [c for n in names for c in system.children(n) if c.claims > 1 and c.acked_at],
        "another worker to send the child",
    )
    assert len(taken_over) == 1
    frozen.resume()
    ended(system, names)
    links = accepted_links(system, *names)
    assert links.count(taken_over[0].order_link_id) == 1
    assert frozen.is_running()
    assert frozen.status() != psutil.STATUS_STOPPED
    worker.kill()
    worker.start()


def test_a_worker_frozen_before_its_post_sends_nothing_after_the_deadline(
    system: MiniSystem,
) -> None:
    """The child has ended as never taken, and its quantity was released: a late order is wrong."""
    worker = system.workers["execution"]
    worker.kill()
    marker = system.home / "frozen-too-long"
    worker.start(MLRISK_FAILPOINT=f"stop:{failpoints.BEFORE_POST}@{marker}")
    system.tend(lambda: system.market_ready() and system.consuming("execution"), "the market")
    expires_at = datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)
    request = trade_request(expires_at=expires_at.isoformat())
    name = str(request["request_id"])
    assert system.outcome(request)["verdict"] == "allow"
    frozen = system.wait(lambda: frozen_child(worker.process), "a worker to freeze")
    system.wait(lambda: system.finished(name), "the child to be given up")

    frozen.resume()
    system.wait(lambda: frozen.status() != psutil.STATUS_STOPPED, "the worker to go on")
    worker.stop()  # lets the task come to its end first
    worker.start()
    (parent,) = ended(system, [name], (ParentState.UNFILLED,))
    assert accepted_links(system, name) == []
    assert parent.filled_qty == 0


def frozen_child(process: Any) -> psutil.Process | None:
    for child in psutil.Process(process.pid).children(recursive=True):
        if child.status() == psutil.STATUS_STOPPED:
            return child
    return None


def is_gone(system: MiniSystem, queue: str, task: str) -> bool:
    """The task has ended: messages are acknowledged late, and no list of the broker holds its."""
    with system.redis.client(0) as broker:
        lists = [queue.encode(), *broker.smembers(f"{queue}.lanes")]
        waiting = [message for key in lists for message in broker.lrange(key, 0, -1)]
        found = [*broker.hvals("unacked"), *waiting]
    return not any(task.encode() in message for message in found)


def test_foreign_orders_are_reported_once_and_left_alone(system: MiniSystem) -> None:
    links = [f"somebody-elses-{number}" for number in (1, 2)]
    for link in links:
        order = {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "Buy",
            "orderType": "Limit",
            "qty": "0.01",
            "price": "50000",
            "orderLinkId": link,
        }
        system.exchange.control("POST", "actions/foreign_order", {"order": order})
    before = len(audited(system, "foreign_orders"))
    system.run_task("monitoring", "reconcile_account")
    system.wait(lambda: len(audited(system, "foreign_orders")) > before, "the report")
    for _ in range(2):
        task = system.run_task("monitoring", "reconcile_account")
        system.wait(partial(is_gone, system, "monitoring", task), "the account to be reconciled")
    reports = audited(system, "foreign_orders")[before:]
    assert len(reports) == 1
    assert len(reports[0].payload["order_ids"]) == 2
    names = enqueue_both(system, SHORT)
    ended(system, names)
    assert sorted(link for link in resting_orders(system) if link in links) == links
