"""Writes what a parent's step decided: new children, cancels, and the time of the next look."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import Refused
from bot.execution.algorithms.stepping import POLL, Action, CancelLive, Place, WaitUntil
from bot.execution.orders import fallback_rows, lifecycle
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.parents import (
    NewChild,
    is_urgent,
    new_child,
    step_soon,
    unplanned_qty,
    wake_child,
)
from bot.execution.orders.reasons import Reason
from bot.execution.ports import OrderWork
from models.enums import ChildState, Style
from models.locks import lock_child
from models.tables import ChildOrderRow, ParentOrderRow


def place(
    uow: OrderWork, parent: ParentOrderRow, children: Sequence[ChildOrderRow], action: Place
) -> ChildOrderRow:
    """Writes the child; it is sent by its own task after the commit."""
    slot = max((child.slot for child in children), default=-1) + 1
    held = unplanned_qty(parent, open_ones(children))
    if action.qty > held:
        raise Refused(
            f"a step places {action.qty:f} and only {held:f} are left: this is a "
            "fault of the planner"
        )
    wanted = NewChild(
        slot,
        attempt=0,
        qty=action.qty,
        due_at=uow.now,
        style=action.style,
        price=action.price,
        bound_bps=fallback_rows.bound_bps(parent) if action.style is Style.IOC else None,
    )
    child = new_child(uow, parent, wanted)
    child.wake_at = uow.now
    wake_child(uow, child, is_urgent(parent))
    return child


def request_cancel(
    uow: OrderWork, parent: ParentOrderRow, children: Sequence[ChildOrderRow], action: CancelLive
) -> None:
    """Decides cancels, which are sent after the commit. Children that have not gone out yet
    simply end."""
    for seen in children:
        if seen.slot != action.slot or seen.state.is_final:
            continue
        child = lock_child(uow.session, seen.child_id)
        if child is None:
            continue
        child.cancel_requested_at = child.cancel_requested_at or uow.now
        if child.state == ChildState.PLANNED:
            reason = Reason("cancelled before it was sent")
            lifecycle.end_child(uow, parent, child, Ending(ChildState.CANCELLED, reason))


def look_again(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Plans the next step. This process enqueues it when it is near, else the dispatcher
    does."""
    if parent.state.is_final:
        return
    wanted = parent.step_at or uow.now + POLL
    if wanted - uow.now > _SOON:
        parent.step_at = wanted
        return
    step_soon(uow, parent, wanted)


_SOON = timedelta(seconds=5)
"""An ETA in Redis may reach this far ahead, as the dispatcher's horizon does."""


def open_ones(children: Sequence[ChildOrderRow]) -> list[ChildOrderRow]:
    """The children that are not over."""
    return [child for child in children if not child.state.is_final]


def wait_without_orders(
    parent: ParentOrderRow, live: Sequence[ChildOrderRow], until: datetime
) -> Sequence[Action]:
    """Calls back resting orders and looks again later, because for a while nothing may be
    placed."""
    resting = [child for child in live if child.rests]
    return [*cancel_all(resting), WaitUntil(min(until, parent.deadline_at))]


def cancel_all(children: Sequence[ChildOrderRow]) -> list[CancelLive]:
    """A cancel of each child without one."""
    return [CancelLive(child.slot) for child in children if child.cancel_requested_at is None]
