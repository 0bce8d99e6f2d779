"""While nothing may be placed, what rests is called back once, and the parent looks again."""

from datetime import timedelta

from bot.execution.algorithms.stepping import CancelLive, WaitUntil
from bot.execution.working.step_actions import cancel_all, open_ones, wait_without_orders
from models.enums import ChildState, Style
from tests.unit.bot.execution.working.stepped import NOW, child, parent


def test_children_that_are_over_are_left_out() -> None:
    children = [child(1), child(2, state=ChildState.FILLED), child(3, state=ChildState.PLANNED)]
    assert [one.child_id for one in open_ones(children)] == [1, 3]


def test_a_cancel_is_decided_once() -> None:
    children = [child(1), child(2, cancel_requested_at=NOW)]
    assert cancel_all(children) == [CancelLive(1)]


def test_only_what_rests_is_called_back_and_the_deadline_bounds_the_wait() -> None:
    live = [child(1), child(2, style=Style.IOC)]
    order = parent(deadline_at=NOW + timedelta(seconds=30))
    soon, late = NOW + timedelta(seconds=10), NOW + timedelta(minutes=1)
    assert wait_without_orders(order, live, soon) == [CancelLive(1), WaitUntil(soon)]
    assert wait_without_orders(order, live, late)[-1] == WaitUntil(order.deadline_at)
