"""A process may die at any named point, at any of its visits: the books and the exchange agree.

Death is an exception that nothing catches, so that the transaction is lost and the locks are
released as Postgres does for a dead session; tests/chaos/test_whole_system.py does it with
`kill -9` to real workers. Then somebody else goes on with what the rows say.
"""

from collections.abc import Callable, Iterator

import pytest

from bot import failpoints
from bot.account import reconciliation
from bot.decision import service
from bot.execution.booking import fills
from bot.execution.sending import claims, sender
from bot.execution.working import parent_worker
from models.enums import Algorithm, ChildState, ParentState
from tests.support.desk import Desk

ALGORITHMS = {
    "immediate": {"position_size": "2000", "algorithm": "immediate"},
    "twap": {
        "position_size": "3000",
        "algorithm": "twap",
        "horizon_seconds": 40,
        "interval_seconds": 10,
    },
    "vwap": {
        "position_size": "3000",
        "algorithm": "vwap",
        "horizon_seconds": 40,
        "volume_curve": [3, 1, 0, 2],
    },
    "implementation_shortfall": {
        "position_size": "3000",
        "algorithm": "implementation_shortfall",
        "horizon_seconds": 40,
        "interval_seconds": 10,
    },
    "steered_vwap": {
        "position_size": "3000",
        "algorithm": "vwap",
        "volume_model": "learned",
        "horizon_seconds": 60,
        "interval_seconds": 10,
    },
    "pov": {
        "position_size": "3000",
        "algorithm": "pov",
        "participation_rate": 0.0005,
        "horizon_seconds": 60,
    },
    "iceberg": {
        "position_size": "3000",
        "algorithm": "iceberg",
        "display_size": "1000",
        "horizon_seconds": 120,
    },
    "passive": {
        "position_size": "3000",
        "algorithm": "passive",
        "horizon_seconds": 60,
        "cross_margin_seconds": 30,
    },
}
STEPPED = ("steered_vwap", "pov", "iceberg", "passive")
"""Their children are made one after the other; the others have them all from the start."""
RESTING = ("iceberg", "passive")


EXPIRY_POINTS = frozenset({failpoints.BEFORE_EXPIRY_COMMIT, failpoints.AFTER_EXPIRY_COMMIT})
"""Whoever is worked to the end in time never comes by these."""


class ProcessDiedError(BaseException):
    """Past every `except Exception`: nothing may clean up after a death."""


@pytest.fixture
def die_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], list[str]]]:
    """Arms a point to kill at its n-th visit; returns the list of deaths."""
    deaths: list[str] = []

    def arm(name: str, visit: int) -> list[str]:
        visits = 0

        def hit(point: str, subject: str = "") -> None:
            nonlocal visits
            if point != name:
                return
            visits += 1
            if visits == visit:
                deaths.append(point)
                raise ProcessDiedError(point)

        for module in (sender, claims, service, fills, parent_worker, reconciliation):
            monkeypatch.setattr(module, "hit", hit)
        return deaths

    yield arm
    assert deaths, "the point was never reached: this row proves nothing"


def survive(work: Callable[[], object]) -> None:
    """Does a process's work; the process may die in it."""
    try:
        work()
    except ProcessDiedError:
        return


def run_to_the_end(desk: Desk, signal: dict[str, object]) -> None:
    """What strategy, dispatcher, workers, stream and sweeper do until everything is at rest."""
    request = desk.request("r-1", signal_data=signal)
    for _ in range(40):
        # The strategy that heard nothing sends the same request again.
        survive(lambda: desk.approval.validate_and_execute(request))
        survive(desk.dispatcher.tick)
        survive(lambda: desk.worker.step("r-1"))
        for child in desk.children():
            survive(lambda child_id=child.child_id: desk.send(child_id))  # type: ignore[misc]
        fill_half_of_what_rests(desk)
        survive(desk.stream)
        survive(desk.reconciler.expire_overdue)
        for child in desk.children():
            survive(lambda child_id=child.child_id: desk.reconciler.resolve_child(child_id))  # type: ignore[misc]
        survive(desk.reconciler.reconcile_account)
        desk.check_balance()
        desk.pass_time(4)
        if desk.at_rest():
            return


def fill_half_of_what_rests(desk: Desk) -> None:
    """The market meets an iceberg's orders, and others every other time: those are called back."""
    for number, order in enumerate(desk.exchange.open_orders()):
        meets = int(order.order_id.removeprefix("o-")) % 2 == number % 2
        if meets or desk.parent().algorithm == Algorithm.ICEBERG:
            desk.exchange.fill(order.order_link_id)


def reached(point: str, visit: int, algorithm: str) -> bool:
    """Whether this algorithm comes by the point so often."""
    if point == failpoints.AFTER_CANCEL:
        return algorithm == "passive" and visit == 1
    if "record" in point:
        return algorithm == "passive"  # what ends by its fills needs no record
    if "step" in point:
        return algorithm in STEPPED
    if "decision" in point:
        return visit == 1
    if "fill" in point and algorithm == "passive":
        return visit == 1
    return visit == 1 or algorithm != "immediate"


def rows() -> Iterator[object]:
    """Each point once for `make test`; the rest of the matrix for `make prove`."""
    for point in sorted(failpoints.NAMES - EXPIRY_POINTS - failpoints.AUDIT_POINTS):
        reaching = [
            (point, visit, algorithm)
            for visit in (1, 2)
            for algorithm in ALGORITHMS
            if reached(point, visit, algorithm)
        ]
        yield reaching[0]
        for row in reaching[1:]:
            yield pytest.param(*row, marks=pytest.mark.long)


@pytest.mark.parametrize(("point", "visit", "algorithm"), list(rows()))
def test_a_death_at_any_point_leaves_one_order_per_child_and_the_whole_quantity(
    desk: Desk,
    die_at: Callable[[str, int], list[str]],
    point: str,
    visit: int,
    algorithm: str,
) -> None:
    die_at(point, visit)
    run_to_the_end(desk, ALGORITHMS[algorithm])

    links = [str(body["orderLinkId"]) for body in desk.exchange.accepted]
    assert len(links) == len(set(links))
    parent = desk.parent()
    assert parent.state == ParentState.COMPLETED, parent.end_reason
    assert parent.filled_qty == parent.approved_qty == desk.position()
    assert sum(fill.qty for fill in desk.exchange.fills) == parent.approved_qty
    for child in desk.children():
        assert ChildState(child.state).is_final
        assert child.filled_qty == child.qty or algorithm in RESTING
        assert child.sent_at is None or child.sent_at <= parent.deadline_at
    desk.check_balance()


@pytest.mark.long
@pytest.mark.parametrize("point", sorted(EXPIRY_POINTS))
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_death_while_overdue_children_end_leaves_all_of_a_parent_or_none(
    desk: Desk, die_at: Callable[[str, int], list[str]], point: str, algorithm: str
) -> None:
    desk.approve(signal_data=ALGORITHMS[algorithm])
    while not desk.children():  # those that follow the market wait for its volume
        desk.worker.step("r-1")
        desk.pass_time(4)
    desk.pass_time(3600)
    die_at(point, 1)
    survive(desk.reconciler.expire_overdue)
    assert len({child.state for child in desk.children()}) == 1
    desk.check_balance()
    survive(desk.reconciler.expire_overdue)
    desk.worker.step("r-1")
    assert {child.state for child in desk.children()} == {ChildState.EXPIRED}
    parent = desk.parent()
    assert parent.state == ParentState.UNFILLED
    assert parent.released_qty == parent.approved_qty
    assert desk.exchange.posts == 0
    desk.check_balance()
