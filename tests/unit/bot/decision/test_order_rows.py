"""The rows of an approved trade follow from its approval."""

from datetime import timedelta

from bot.decision.decide import Approved, decide
from bot.decision.order_rows import child_rows, parent_row, reservation_row
from models.enums import Algorithm, ChildState
from tests.unit.bot.risk import cases

TWAP = cases.intent(algorithm=Algorithm.TWAP, horizon_seconds=30.0, interval_seconds=5.0)


def test_parent_reservation_and_children_hold_the_approved_quantity() -> None:
    approved = decide(TWAP, cases.snapshot(), cases.LIMITS)
    assert isinstance(approved, Approved)
    parent = parent_row(TWAP, approved, 7, cases.market())
    reservation = reservation_row(TWAP, approved)
    children = child_rows(TWAP, approved, timedelta(seconds=5))
    assert parent.permit_epoch == 7
    assert parent.approved_qty == reservation.approved_qty == reservation.open_qty
    assert sum(child.qty for child in children) == parent.approved_qty
    assert len({child.order_link_id for child in children}) == len(children) == 6
    assert {child.state for child in children} == {ChildState.PLANNED}
    assert all(parent.start_at <= child.due_at <= parent.deadline_at for child in children)


def test_only_children_that_are_due_within_the_horizon_are_woken_at_once() -> None:
    approved = decide(TWAP, cases.snapshot(), cases.LIMITS)
    assert isinstance(approved, Approved)
    children = child_rows(TWAP, approved, timedelta(seconds=5))
    woken = [child.wake_at is not None for child in children]
    assert woken == [True, True, False, False, False, False]


def test_a_stepped_trade_has_no_children_yet_and_is_stepped_at_once() -> None:
    iceberg = cases.intent(algorithm=Algorithm.ICEBERG, horizon_seconds=60.0)
    approved = decide(iceberg, cases.snapshot(), cases.LIMITS)
    assert isinstance(approved, Approved)
    parent = parent_row(iceberg, approved, 1, cases.market())
    assert child_rows(iceberg, approved, timedelta(seconds=5)) == []
    assert parent.stepped
    assert parent.step_at == parent.start_at
