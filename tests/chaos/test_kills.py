"""`kill -9` of each algorithm's worker at each point; then the exchange's journal is compared.

One run per point: all algorithms work at once, and each of them kills one process there, the
first that comes by. The pool, and for the feed the supervisor, start another. What a single
process may lose at its second visit is proven in test_kill_matrix.py.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from bot import failpoints
from bot.clock import SystemClock
from bot.execution.orders.control import ParentControl
from bot.execution.ports import DispatcherOnly
from bot.execution.working.failing_steps import DIED, SET_ASIDE_AT
from models.enums import Algorithm, ExecutionStatus, ParentState
from models.tables import ParentOrderRow
from tests.support.agreement import (
    accepted_links,
    assert_request_agrees,
    assert_system_agrees,
    audited,
)
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, some_size, trade_request

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.xdist_group("kills")]

LEASE_SECONDS = 8.0
"""Shorter than the default, so that what died before its POST is sent again within the horizon;
an exchange on loopback answers in milliseconds."""
SHORT, LONG, LONGEST = 8.0, 18.0, 26.0
"""Horizons in seconds. The long one has room for a feed that is started again and again, the
longest for a lease, the wait for proof that an order was not taken (10 s), and its next attempt."""
EFFECT_DELAY_MS = "150"
"""From the exchange's reply to the order's effect: without it the stream's news of a fill would
often store the outcome before the sender can die of it."""
WAVES = 10
"""Whether a resting order fills, or lives long enough to be called back, is the market's to say.
Whether a trade is whole at its deadline is also the machine's. An algorithm that has not come by
the point, or is short, tries again with a new request."""

_PLANNED = "has all its children from the start: nothing steps it"
_NEVER_RESTS = "nothing of it rests, so that nothing is called back"
_ENDED_BY_FILLS = "its children have ended by their fills when their records come"
_STEPS = dict.fromkeys(
    (Algorithm.IMMEDIATE, Algorithm.TWAP, Algorithm.IMPLEMENTATION_SHORTFALL), _PLANNED
)
_RECORDS = dict.fromkeys(set(Algorithm) - {Algorithm.PASSIVE}, _ENDED_BY_FILLS)
UNREACHED: dict[str, dict[Algorithm, str]] = {
    failpoints.IN_STEP: _STEPS,
    failpoints.BEFORE_STEP_COMMIT: _STEPS,
    failpoints.AFTER_STEP_COMMIT: _STEPS,
    failpoints.AFTER_CANCEL: {
        **dict.fromkeys(set(Algorithm) - {Algorithm.ICEBERG, Algorithm.PASSIVE}, _NEVER_RESTS),
        Algorithm.ICEBERG: "calls a child back only at its deadline or when its end got lost",
    },
    failpoints.BEFORE_RECORD_COMMIT: _RECORDS,
    failpoints.AFTER_RECORD_COMMIT: _RECORDS,
}
"""Where an algorithm can't die, and why. VWAP is stepped when a volume model steers it."""

AS_THE_MARKET_ALLOWS = (Algorithm.ICEBERG, Algorithm.POV, Algorithm.VWAP)
"""They wait for others' trades, or a model's last interval meets a thin book: they end with less
than the whole when the market doesn't come in time."""
BLIND_AT_TIMES = (*AS_THE_MARKET_ALLOWS, Algorithm.PASSIVE)
"""As above, while the feed is killed again and again: without a touch nothing rests or crosses."""
NEWS_POINTS = (
    failpoints.BEFORE_FILL_COMMIT,
    failpoints.AFTER_FILL_COMMIT,
    failpoints.BEFORE_RECORD_COMMIT,
    failpoints.AFTER_RECORD_COMMIT,
)
DECISION_POINTS = (failpoints.BEFORE_DECISION_COMMIT, failpoints.AFTER_DECISION_COMMIT)
EXPIRY_POINTS = (failpoints.BEFORE_EXPIRY_COMMIT, failpoints.AFTER_EXPIRY_COMMIT)
NOT_YET_SENT = (failpoints.AFTER_CLAIM_COMMIT, failpoints.BEFORE_POST)


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    with mini_system(
        postgres,
        exchange_args=("--effect-delay-ms", EFFECT_DELAY_MS),
        settings={"MLRISK_LEASE_SECONDS": str(LEASE_SECONDS)},
        queues=("validation", "execution", "monitoring"),
    ) as running:
        yield running


@pytest.mark.parametrize(
    "point", sorted(failpoints.NAMES.difference(EXPIRY_POINTS, failpoints.AUDIT_POINTS))
)
def test_a_worker_of_each_algorithm_killed_at_a_point_loses_and_doubles_nothing(
    system: MiniSystem, point: str
) -> None:
    died = system.home / point
    died.mkdir()
    # They stay armed afterwards, which is harmless: who has died at a point is spared there.
    restart(system, visitors(point), MLRISK_FAILPOINT=f"{point}@{died}/")
    to_die = set(Algorithm) - UNREACHED.get(point, {}).keys()
    horizon = LONG if point in NEWS_POINTS else LONGEST if point in NOT_YET_SENT else SHORT

    alive, works = to_die, one_of_each(horizon)
    may_be_short = BLIND_AT_TIMES if point in NEWS_POINTS else AS_THE_MARKET_ALLOWS
    for _ in range(WAVES):
        short = run_to_the_end(system, works) - set(may_be_short)
        alive = {algorithm for algorithm in to_die if not (died / algorithm).exists()}
        if not alive and not short:
            break
        works = [work for work in one_of_each(horizon) if work["algorithm"] in alive | short]

    assert short == set(), "these were never whole by their deadline"
    assert alive == set(), f"nobody died at {point} for these: the run proves nothing of them"
    assert_system_agrees(system)


@pytest.mark.parametrize("point", EXPIRY_POINTS)
def test_a_sweeper_killed_while_overdue_children_end_gives_back_all_of_them(
    system: MiniSystem, point: str
) -> None:
    """Nobody sends, so that every child gets overdue; the sweeper dies once for each algorithm."""
    died = system.home / point
    died.mkdir()
    restart(system, ("monitoring",), MLRISK_FAILPOINT=f"{point}@{died}/")
    system.workers["execution"].kill()
    works = [work for work in one_of_each(SHORT) if not is_stepped(work)]
    requests = [trade_request(signal_data=work, expires_at=soon(2 * SHORT)) for work in works]
    for request in requests:
        system.send(request)
    names = [str(request["request_id"]) for request in requests]

    def all_overdue_ended() -> bool:
        system.workers["monitoring"].revive()
        return all(is_over(system, name) for name in names)

    system.wait(all_overdue_ended, "the overdue children to end", 110)
    assert {path.name for path in died.iterdir()} == {work["algorithm"] for work in works}
    for name in names:
        parent = assert_request_agrees(system, name)
        assert parent.state == ParentState.UNFILLED
        assert accepted_links(system, name) == []
    restart(system, ("execution",))
    assert_system_agrees(system)


def test_steps_that_always_kill_their_worker_are_given_up_and_an_exit_goes_without_them(
    system: MiniSystem,
) -> None:
    leaving = {"metadata": {"strategy": "leaving"}}
    held = trade_request(**leaving)
    system.send(held)
    system.wait(lambda: is_over(system, str(held["request_id"])), "a position")
    restart(system, ("execution",), MLRISK_FAILPOINT=failpoints.IN_STEP)
    work = {"algorithm": "passive", "horizon_seconds": 600}
    changes = {"signal_data": work, "expires_at": soon(900)}
    entry = trade_request(symbol="ETHUSDT", **changes)
    exit_ = trade_request(side="sell", **leaving, **changes)
    exit_["signal_data"]["reduce_only"] = True
    adding, closing = str(entry["request_id"]), str(exit_["request_id"])
    for request in (entry, exit_):
        assert system.outcome(request)["verdict"] in ("allow", "shrink")

    def set_aside() -> bool:
        # Two deaths are proof that they are counted: the row says what more of them would say.
        with system.db.transaction() as session:
            session.execute(
                update(ParentOrderRow)
                .where(
                    ParentOrderRow.request_id == adding,
                    ParentOrderRow.step_failures == 2,
                )
                .values(step_failures=SET_ASIDE_AT - 1)
            )
        parent = system.parent(adding)
        return parent is not None and parent.set_aside_at is not None

    system.wait(set_aside, "the entry to be set aside")
    system.wait(lambda: is_over(system, closing), "the exit")
    assert assert_request_agrees(system, closing).state == ParentState.COMPLETED
    for kind, name in (("parent_set_aside", adding), ("exit_goes_at_once", closing)):
        assert [e.payload["failure"] for e in audited(system, kind) if e.subject == name] == [DIED]
    assert accepted_links(system, adding) == []
    control = ParentControl(system.db, SystemClock(), DispatcherOnly(), account="paper")
    control.cancel(adding, reason="all is proven", actor="test")
    restart(system, ("execution",))
    assert_system_agrees(system)


def is_stepped(work: dict[str, Any]) -> bool:
    """Its first child is made by the execution worker, which is away."""
    return "volume_model" in work or work["algorithm"] in (
        Algorithm.POV,
        Algorithm.ICEBERG,
        Algorithm.PASSIVE,
    )


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def run_to_the_end(system: MiniSystem, works: Sequence[dict[str, Any]]) -> set[Algorithm]:
    """Sends one request for each, waits for all of them, and compares with the exchange.

    Returns the algorithms whose deadline came before the whole, and those that the gate refused.
    Restarts take their time: on a busy machine a deadline may be over meanwhile, or the market's
    view too old while the feed is away.
    """
    requests = [trade_request(signal_data=work) for work in works]
    for request in requests:
        system.send(request)
    names = [str(request["request_id"]) for request in requests]
    system.tend(
        lambda: all(is_refused(system, name) or is_over(system, name) for name in names),
        "the parents to end",
        100,
    )
    refused = {name for name in names if is_refused(system, name)}
    parents = [assert_request_agrees(system, name) for name in names if name not in refused]
    short = [parent for parent in parents if parent.state != ParentState.COMPLETED]
    for parent in short:
        assert parent.state in (ParentState.PARTIAL, ParentState.UNFILLED)
    repeated = {
        Algorithm(work["algorithm"])
        for request, work in zip(requests, works, strict=True)
        if request["request_id"] in refused
    }
    return repeated | {Algorithm(parent.algorithm) for parent in short}


def is_refused(system: MiniSystem, request_id: str) -> bool:
    row = system.request_row(request_id)
    return row is not None and row.status == ExecutionStatus.VALIDATION_FAILED


def is_over(system: MiniSystem, request_id: str) -> bool:
    """Whether its parent has ended; a refusal would make the run prove nothing."""
    assert not is_refused(system, request_id), "the gate said no"
    return system.finished(request_id) is not None


def restart(system: MiniSystem, names: Sequence[str], **env: str) -> None:
    """`kill -9` of whole workers, and their start with other settings."""
    for name in names:
        system.workers[name].kill()
        system.workers[name].start(**env)
    system.wait(
        lambda: system.market_ready() and system.consuming(*set(names) - {"feed"}),
        "the restarted workers",
    )


def visitors(point: str) -> tuple[str, ...]:
    """The processes that come by a point."""
    if point in DECISION_POINTS:
        return ("validation",)
    if point in NEWS_POINTS:
        # The stream's news, and those that a look at the exchange finds first.
        return ("feed", "execution", "monitoring")
    return ("execution",)


def one_of_each(horizon_seconds: float) -> list[dict[str, Any]]:
    """Every algorithm, and VWAP in both its forms: by a curve, and steered step by step."""
    works: list[dict[str, Any]] = [
        {"algorithm": "immediate"},
        {"algorithm": "twap", "interval_seconds": horizon_seconds / 4},
        {"algorithm": "vwap", "volume_curve": [3, 1, 0, 2]},
        {"algorithm": "vwap", "volume_model": "static", "interval_seconds": 2},
        {"algorithm": "implementation_shortfall", "interval_seconds": horizon_seconds / 4},
        {"algorithm": "pov", "participation_rate": 1},
        {"algorithm": "iceberg", "display_size": "1000"},
        {"algorithm": "passive", "cross_margin_seconds": horizon_seconds * 0.8},
    ]
    for work in works:
        # So large that a passive trade still rests when it is called back.
        large = work["algorithm"] == "passive"
        work["position_size"] = f"{Decimal(some_size()) * (30 if large else 1):f}"
        if work["algorithm"] != "immediate":
            work["horizon_seconds"] = horizon_seconds
    return works
