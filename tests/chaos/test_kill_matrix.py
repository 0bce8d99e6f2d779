"""A process may die at any named point, at any of its visits: the books and the exchange agree.

Death is an exception that nothing catches, so that the transaction is lost and the locks are
released as Postgres does for a dead session; tests/chaos/test_whole_system.py does it with
`kill -9` to real workers. Then somebody else goes on with what the rows say.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from bot import failpoints
from bot.execution import approval, fills, sender
from models.enums import ChildState, ParentState
from tests.support.desk import Desk

ALGORITHMS = {
    "immediate": {"position_size": "2000", "algorithm": "immediate"},
    "twap": {
        "position_size": "3000",
        "algorithm": "twap",
        "horizon_seconds": 40,
        "interval_seconds": 10,
    },
}


class ProcessDiedError(BaseException):
    """Past every `except Exception`: nothing may clean up after a death."""


@pytest.fixture
def die_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], list[str]]]:
    """Arms a point to kill at its n-th visit; returns the list of deaths."""
    deaths: list[str] = []

    def arm(name: str, visit: int) -> list[str]:
        visits = 0

        def hit(point: str) -> None:
            nonlocal visits
            if point != name:
                return
            visits += 1
            if visits == visit:
                deaths.append(point)
                raise ProcessDiedError(point)

        for module in (sender, approval, fills):
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
    for _ in range(30):
        # The strategy that heard nothing sends the same request again.
        survive(lambda: desk.approval.validate_and_execute(request))
        survive(desk.dispatcher.tick)
        for child in desk.children():
            survive(lambda child_id=child.child_id: desk.send(child_id))  # type: ignore[misc]
        survive(desk.stream)
        survive(desk.reconciler.expire_overdue)
        for child in desk.children():
            survive(lambda child_id=child.child_id: desk.reconciler.resolve_child(child_id))  # type: ignore[misc]
        survive(desk.reconciler.reconcile_account)
        desk.check_balance()
        desk.pass_time(4)
        if desk.at_rest():
            return


# One decision and one immediate child are visited once; a TWAP's children again and again.
ROWS = [(point, 1, algorithm) for point in sorted(failpoints.NAMES) for algorithm in ALGORITHMS]
ROWS += [(point, 2, "twap") for point in sorted(failpoints.NAMES) if "decision" not in point]


@pytest.mark.parametrize(("point", "visit", "algorithm"), ROWS)
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
    assert sum(Decimal(str(body["qty"])) for body in desk.exchange.accepted) == parent.approved_qty
    for child in desk.children():
        assert ChildState(child.state) is ChildState.FILLED
        assert child.sent_at is not None
        assert child.sent_at <= parent.deadline_at
    desk.check_balance()
