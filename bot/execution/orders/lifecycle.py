"""The order lifecycle: when a child ends, its unfilled rest is tried again, given back or released.
The parent ends when nothing is open any more.

At every moment filled + released + open = approved (I3). Open is the quantity that live children
may still fill and, for a stepped parent, the quantity that no child holds yet. Callers hold the
parent's lock, then the child's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.execution.orders import fallback_rows, parent_end, request_status, transitions
from bot.execution.orders.fallback_rows import FollowUp
from bot.execution.orders.parents import release, step_soon, unplanned_qty
from bot.execution.orders.reasons import DEADLINE_PASSED, Reason, reason_to_stop
from bot.execution.ports import OrderWork
from models.amounts import ZERO
from models.backup import FailureClass
from models.enums import ChildState, ExecutionStatus
from models.locks import lock_open_children
from models.repositories.trading import orders
from models.tables import ChildOrderRow, ParentOrderRow


@dataclass(frozen=True, slots=True)
class Ending:
    """How and why a child ends."""

    state: ChildState
    """The final state."""
    note: Reason
    failure: FailureClass | None = None
    """Why the rest is worth another attempt. Without it the rest of a planned schedule is released;
    a stepped parent always gets its rest back."""
    ends_parent: Reason | None = None
    """Why nothing more of the parent is to be sent either; None when the parent goes on."""


def end_child(uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow, ending: Ending) -> None:
    """Moves a child to a final state, and its rest and its parent to what follows. A child that has
    ended stays as it is."""
    if child.state.is_final:
        return
    if ending.failure is not None or ending.state in (ChildState.REJECTED, ChildState.LOST):
        uow.judge_breakers()
    # First, so that a parent that ends with this child ends for that reason, not for the child's
    # note.
    if ending.ends_parent is not None:
        transitions.begin_to_stop(parent, ending.ends_parent)
    rest = _close(uow, parent, child, ending.state, ending.note)
    plan = FollowUp(rest)
    if rest > 0 and ending.failure is not None and parent.stop_reason is None:
        plan = fallback_rows.follow_up(uow, parent, child, ending.failure)
    keep_or_release(uow, parent, plan.released)
    reason = ending.ends_parent or plan.stop
    if reason is not None:
        stop(uow, parent, reason)
    _go_on(uow, parent, ending.note)


def _close(
    uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow, state: ChildState, note: Reason
) -> Decimal:
    """Ends the child itself; returns its unfilled rest, which the caller must account for."""
    rest = transitions.end(uow, child, state, note.words)
    fallback_rows.after_fill(parent, child)
    return rest


def _go_on(uow: OrderWork, parent: ParentOrderRow, note: Reason) -> None:
    """Ends a parent without anything open; a stepped parent with a rest takes its next step."""
    if parent.state.is_final:
        return
    open_children = orders.open_children(uow.session, parent.request_id)
    unplanned = unplanned_qty(parent, open_children)
    if parent.stepped and (open_children or unplanned > 0) and parent.stop_reason is None:
        step_soon(uow, parent)
    elif not open_children:
        parent_end.finish(uow, parent, reason_to_stop(parent) or note)


def stop(uow: OrderWork, parent: ParentOrderRow, reason: Reason) -> int:
    """Ends a parent: nothing more is placed, planned children end, resting orders are to be
    cancelled.

    Returns how many planned children ended. Orders at the exchange end by its word.
    """
    if parent.state.is_final:
        return 0
    transitions.begin_to_stop(parent, reason)
    ended = call_back(uow, parent, reason)
    open_children = orders.open_children(uow.session, parent.request_id)
    rests = any(child.rests for child in open_children)
    status = settle_stopped(uow, parent, still_open=bool(open_children), rests=rests)
    if status is not None:
        request_status.end_requests(uow, [parent.request_id], status)
    elif rests:
        step_soon(uow, parent)
    return ended


def call_back(uow: OrderWork, parent: ParentOrderRow, note: Reason) -> int:
    """Ends planned children and decides the cancel of resting orders.

    Returns how many planned children ended; the parent goes on as it is.
    """
    children = lock_open_children(uow.session, parent.request_id)
    planned = [child for child in children if child.state == ChildState.PLANNED]
    sent = [child for child in children if child.state != ChildState.PLANNED]
    _end_planned(uow, parent, planned, ChildState.CANCELLED, note)
    for child in sent:
        if child.rests and child.cancel_requested_at is None:
            child.cancel_requested_at = uow.now
    return len(planned)


def cut(uow: OrderWork, parent: ParentOrderRow, qty: Decimal, reason: Reason) -> None:
    """Releases a quantity that no order at the exchange holds, from the end of the parent's
    plan."""
    release(uow, parent, qty)
    _give_way(uow, parent, reason)
    _go_on(uow, parent, reason)


def expire(uow: OrderWork, parent: ParentOrderRow) -> int:
    """Ends planned children whose deadline has passed; returns how many."""
    overdue = [
        child
        for child in lock_open_children(uow.session, parent.request_id)
        if child.state == ChildState.PLANNED and child.deadline_at <= uow.now
    ]
    if not overdue:
        return 0
    note = DEADLINE_PASSED
    _end_planned(uow, parent, overdue, ChildState.EXPIRED, note)
    _go_on(uow, parent, note)
    return len(overdue)


def _end_planned(
    uow: OrderWork,
    parent: ParentOrderRow,
    planned: Sequence[ChildOrderRow],
    state: ChildState,
    note: Reason,
) -> None:
    """Ends children that never went out."""
    rest = sum((_close(uow, parent, child, state, note) for child in planned), ZERO)
    keep_or_release(uow, parent, rest)


def keep_or_release(uow: OrderWork, parent: ParentOrderRow, rest: Decimal) -> None:
    """Releases the quantity of ended children, or returns it to a stepped parent."""
    if rest > 0 and not parent.stepped:
        release(uow, parent, rest)


def settle_stopped(
    uow: OrderWork, parent: ParentOrderRow, *, still_open: bool, rests: bool
) -> ExecutionStatus | None:
    """Ends a stopped parent if nothing of it is open; returns its request's status.

    Otherwise steps send the cancels of its resting orders; the caller or the dispatcher enqueues
    them.
    """
    if not still_open:
        return parent_end.close(uow, parent, reason_to_stop(parent) or Reason(""))
    if rests:
        parent.stepped = True
        parent.step_at, parent.step_wake_at = uow.now, None
    return None


def after_late_fill(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Handles a fill of a child that had ended: its consequences are computed anew, and
    replacements of the filled quantity give way.

    The fill is counted already. A parent that has ended stays ended, under a corrected state.
    """
    if parent.state.is_final:
        parent_end.end_anew(uow, parent)
        return
    _give_way(uow, parent, Reason("an earlier child filled late"))
    _go_on(uow, parent, Reason("filled after its children had ended"))


def _give_way(uow: OrderWork, parent: ParentOrderRow, note: Reason) -> None:
    """Takes the excess over the trade's rest from open children: the youngest planned children
    first, then resting orders, which are cancelled."""
    children = lock_open_children(uow.session, parent.request_id)
    excess = -unplanned_qty(parent, children)
    for child in sorted(children, key=lambda c: (c.state == ChildState.PLANNED, c.child_id))[::-1]:
        if excess <= 0:
            return
        held = child.qty - child.filled_qty
        if child.state != ChildState.PLANNED:
            if parent.stepped and child.rests and child.cancel_requested_at is None:
                child.cancel_requested_at = uow.now
                excess -= held
        elif held <= excess:
            _close(uow, parent, child, ChildState.CANCELLED, note)
            excess -= held
        else:
            child.qty -= excess
            excess = ZERO
