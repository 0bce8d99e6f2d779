"""The end of a parent, and its correction by a late fill."""

from dataclasses import replace
from decimal import Decimal

from models.enums import (
    ChildState,
    ExecutionStatus,
    ParentState,
    ReservationState,
)
from models.tables import ChildOrderRow, TradeRequestRow
from tests.support.desk import Desk

D = Decimal


def sent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)


def given_up(desk: Desk) -> ChildOrderRow:
    """A child whose order nobody could see until its deadline: it ended as never taken."""
    sent(desk)
    child = desk.child()
    desk.exchange.visible = False
    with desk.db.transaction() as session:
        row = session.get_one(type(child), child.child_id)
        row.state = ChildState.UNKNOWN
        row.lease_until = None
        row.exchange_order_id = None
    desk.pass_time(60)
    desk.reconciler.resolve_child(child.child_id)
    assert desk.parent().state == ParentState.UNFILLED
    return child


def status(desk: Desk) -> str:
    with desk.db.reading() as session:
        return session.get_one(TradeRequestRow, "r-1").status


def test_a_fill_after_the_end_makes_the_end_anew(desk: Desk) -> None:
    """A strategy that reads `execution_failed` with the position on sends it again."""
    child = given_up(desk)
    assert status(desk) == ExecutionStatus.EXECUTION_FAILED
    desk.stream()
    parent = desk.parent()
    assert (parent.state, parent.filled_qty, parent.released_qty) == ("completed", child.qty, 0)
    assert status(desk) == ExecutionStatus.EXECUTED_SUCCESSFULLY
    assert desk.child().state == ChildState.FILLED
    assert desk.reservation().state == ReservationState.RELEASED
    assert "parent_end_corrected" in desk.audit_kinds()
    desk.check_balance()


def test_a_part_after_the_end_makes_it_a_partial_one(desk: Desk) -> None:
    child = given_up(desk)
    (execution,) = desk.exchange.fills
    part = replace(execution, qty=D("0.01"))
    desk.fill_book.apply_execution(part, desk.clock.now(), source="stream")
    parent = desk.parent()
    assert (parent.state, parent.released_qty) == ("partial", child.qty - D("0.01"))
    assert status(desk) == ExecutionStatus.EXECUTED_SUCCESSFULLY
    assert ChildState(desk.child().state).is_final
    desk.check_balance()
