"""Late slices follow by what has gone out lately."""

from datetime import timedelta

import pytest

from bot.execution.orders.control import ParentControl
from models.enums import ParentState
from tests.support.desk import Desk

WHY: dict[str, str] = {"reason": "drill", "actor": "cli:alice"}


@pytest.fixture
def control(desk: Desk) -> ParentControl:
    return ParentControl(desk.db, desk.clock, desk.task_queue)


def work(desk: Desk, seconds: int) -> None:
    """What workers do in that time, second by second; the books balance after each."""
    for _ in range(seconds):
        desk.step()
        desk.send_due()
        desk.stream()
        desk.check_balance()
        desk.pass_time(1)


def test_late_slices_catch_up_under_their_bound_after_a_resume(
    desk: Desk, control: ParentControl
) -> None:
    """The bound is the default's: three slices in one interval of five seconds."""
    assert desk.approve_twap(size="3120")["verdict"] == "allow"
    control.pause("r-1", **WHY)
    work(desk, 13)
    report = control.resume("r-1", **WHY)
    late = [c for c in desk.children() if c.planned_at <= desk.clock.now()]
    assert report.children_due == len(late) == 3
    assert all(child.due_at == desk.clock.now() for child in late)
    # One by one: the first is woken, and each that has gone out wakes the next.
    assert desk.task_queue.children[-1] == (late[0].child_id, desk.clock.now())
    work(desk, 17)
    sent = sorted(child.sent_at for child in desk.children() if child.sent_at)
    assert desk.parent().state == ParentState.COMPLETED
    assert len(sent) == 6
    assert all(
        later - first >= timedelta(seconds=5) for first, later in zip(sent, sent[3:], strict=False)
    )
