"""A child that is past its deadline ends without going out."""

from bot.execution.sending.sender import SendResult
from models.enums import (
    ChildState,
    ParentState,
)
from tests.support.desk import Desk


def test_a_child_past_its_deadline_never_goes_out(desk: Desk) -> None:
    desk.approve()
    desk.pass_time(31)
    assert desk.send(desk.child().child_id) is SendResult.STOPPED
    assert desk.child().state == ChildState.EXPIRED
    assert desk.exchange.posts == 0


def test_overdue_children_are_swept(desk: Desk) -> None:
    desk.approve_twap()
    desk.pass_time(60)
    assert desk.reconciler.expire_overdue() == 6
    assert desk.parent().state == ParentState.UNFILLED
    desk.check_balance()
