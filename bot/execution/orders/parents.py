"""Single acts on a parent's rows and its children's; callers hold the parent's lock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from bot.execution.algorithms.base import LotRules
from bot.execution.orders.identity import order_link_id
from bot.execution.ports import TaskQueue
from models.amounts import ZERO
from models.database import UnitOfWork
from models.enums import ChildState, ExecutionPriority, ParentState
from models.locks import lock_reservation
from models.repositories import orders
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow

SOON = timedelta(seconds=5)
"""A message in Redis waits no longer for its time, as the dispatcher's horizon."""
LATE_AFTER = timedelta(seconds=1)
"""Later than this a slice is catching up; wake-ups and locks take a few hundredths."""


def step_soon(uow: UnitOfWork, parent: ParentOrderRow, at: datetime, task_queue: TaskQueue) -> None:
    """Looks at a stepped parent at `at`, or earlier where that is planned; woken after the
    commit."""
    if not parent.stepped:
        return
    if parent.step_at is None or parent.step_at > at:
        parent.step_at = at
    parent.step_wake_at = at
    request_id, urgent, reduces = parent.request_id, is_urgent(parent), parent.reduce_only
    uow.after_commit(lambda: task_queue.parent(request_id, at, urgent=urgent, reduces=reduces))


def wake_child(uow: UnitOfWork, child: ChildOrderRow, urgent: bool, task_queue: TaskQueue) -> None:
    """Hands a child that was marked as woken to the execution queue once it is durable.

    What is due later than `SOON` is left to the dispatcher: a row may wait for any time, a message
    may not.
    """
    if child.wake_at is not None and child.due_at - child.wake_at > SOON:
        child.wake_at = None
        return
    child_id, due, reduces = child.child_id, child.due_at, child.reduce_only
    uow.after_commit(lambda: task_queue.child(child_id, due, urgent=urgent, reduces=reduces))


def wake_again(
    uow: UnitOfWork,
    parent: ParentOrderRow,
    child: ChildOrderRow,
    now: datetime,
    task_queue: TaskQueue,
    *,
    failed: bool = False,
) -> None:
    """After a hold or a failure: of a parent's late or failed children only the first is woken, or
    each would come back on its own and all of them fail again."""
    child.wake_at = now
    follows = failed or is_late(child, now)
    if not (follows and orders.has_earlier_planned(uow.session, child)):
        wake_child(uow, child, is_urgent(parent), task_queue)


def wake_next_late(
    uow: UnitOfWork, parent: ParentOrderRow, now: datetime, task_queue: TaskQueue
) -> None:
    """One has gone out: the parent's next late child follows, as far as its catching up allows."""
    following = orders.first_planned(uow.session, parent.request_id)
    if following is None or not is_late(following, now) or following.due_at > now + SOON:
        return
    child_id, due, reduces = following.child_id, following.due_at, following.reduce_only
    urgent = is_urgent(parent)
    uow.after_commit(lambda: task_queue.child(child_id, due, urgent=urgent, reduces=reduces))


def is_late(child: ChildOrderRow, now: datetime) -> bool:
    """It should have gone out by now."""
    return now - child.planned_at > LATE_AFTER


def is_urgent(parent: ParentOrderRow) -> bool:
    """Exits in an emergency overtake everything else."""
    return parent.reduce_only and parent.priority == ExecutionPriority.EMERGENCY


def lot_rules(instrument: InstrumentRow) -> LotRules:
    """What the venue demands of a child of this instrument."""
    return LotRules(
        instrument.qty_step, instrument.min_qty, instrument.max_qty, instrument.min_notional
    )


def lowest_price(parent: ParentOrderRow) -> Decimal:
    """Where the venue may count the worth of the parent's next child; its limit, in rows from
    before it was stored."""
    found = parent.params.get("lowest_price")
    return parent.price_limit if found is None else Decimal(found)


def left_qty(parent: ParentOrderRow) -> Decimal:
    """What was approved and is neither filled nor released."""
    return parent.approved_qty - parent.filled_qty - parent.released_qty


def unplanned_qty(parent: ParentOrderRow, open_children: Sequence[ChildOrderRow]) -> Decimal:
    """What no live child holds; of a planned schedule that is nothing."""
    held = sum((child.qty - child.filled_qty for child in open_children), ZERO)
    return left_qty(parent) - held


def new_child(
    uow: UnitOfWork,
    parent: ParentOrderRow,
    *,
    slot: int,
    attempt: int,
    qty: Decimal,
    due_at: datetime,
    style: str = "ioc",
    price: Decimal | None = None,
    bound_bps: Decimal | None = None,
) -> ChildOrderRow:
    """A planned child of this parent, flushed; its id at the exchange follows from its place."""
    child = ChildOrderRow(
        request_id=parent.request_id,
        slot=slot,
        attempt=attempt,
        order_link_id=order_link_id(parent.account, parent.request_id, slot, attempt),
        account=parent.account,
        symbol=parent.symbol,
        side=parent.side,
        qty=qty,
        filled_qty=ZERO,
        reduce_only=parent.reduce_only,
        planned_at=due_at,
        due_at=due_at,
        deadline_at=parent.deadline_at,
        state=ChildState.PLANNED,
        style=style,
        price=price,
        bound_bps=bound_bps,
    )
    uow.session.add(child)
    uow.session.flush()
    return child


def release(uow: UnitOfWork, parent: ParentOrderRow, qty: Decimal) -> None:
    """Gives a quantity back to the limits: it will not be traded."""
    parent.released_qty += qty
    reservation = lock_reservation(uow.session, parent.request_id)
    if reservation is not None:
        reservation.open_qty = max(ZERO, reservation.open_qty - qty)


def take_back(uow: UnitOfWork, parent: ParentOrderRow, qty: Decimal) -> Decimal:
    """A fill of a child that had ended: what of it had been released, now taken from there.

    The rest of it was the stepped parent's own, still unplanned.
    """
    unplanned = ZERO
    if parent.stepped and not ParentState(parent.state).is_final:
        unplanned = unplanned_qty(parent, orders.open_children(uow.session, parent.request_id))
    released = min(parent.released_qty, max(ZERO, qty - max(ZERO, unplanned)))
    parent.released_qty -= released
    return released
