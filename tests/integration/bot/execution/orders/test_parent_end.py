"""The end of a parent, and its correction by a late fill."""

from dataclasses import replace
from decimal import Decimal

from models.enums import (
    ChildState,
    ExecutionStatus,
    ReservationState,
)
from models.tables import TradeRequestRow
from tests.support.accounts.unseen_orders import given_up
from tests.support.desk import Desk

D = Decimal


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
