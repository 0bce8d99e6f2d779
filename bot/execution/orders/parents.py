"""Single acts on the rows of a parent and its children; callers hold the parent's lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.execution.algorithms.base import LotRules
from bot.execution.orders import transitions
from bot.execution.orders.identity import order_link_id
from bot.execution.ports import OrderWork
from models.amounts import ZERO
from models.database import UnitOfWork
from models.enums import ExecutionPriority, Style
from models.locks import lock_reservation
from models.repositories.trading import orders
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow

SOON = timedelta(seconds=5)
"""The longest time that a message in Redis waits for its due time, as the dispatcher's horizon."""
LATE_AFTER = timedelta(seconds=1)
"""A slice later than this is catching up; tasks and locks take a few hundredths of a second."""


def step_soon(uow: OrderWork, parent: ParentOrderRow, at: datetime | None = None) -> None:
    """Plans a stepped parent's next step for `at`, by default now, or keeps an earlier one;
    enqueues it after the commit."""
    if not parent.stepped:
        return
    wanted = uow.now if at is None else at
    if parent.step_at is None or parent.step_at > wanted:
        parent.step_at = wanted
    parent.step_wake_at = wanted
    request_id, urgent, reduces = parent.request_id, is_urgent(parent), parent.reduce_only
    uow.after_commit(
        lambda: uow.task_queue.parent(request_id, wanted, urgent=urgent, reduces=reduces)
    )


def wake_child(uow: OrderWork, child: ChildOrderRow, urgent: bool) -> None:
    """Enqueues a child that is marked as woken after the commit.

    The dispatcher enqueues children that are due later than `SOON`: a row may wait for any time, a
    message may not.
    """
    if child.wake_at is not None and child.due_at - child.wake_at > SOON:
        child.wake_at = None
        return
    child_id, due, reduces = child.child_id, child.due_at, child.reduce_only
    uow.after_commit(lambda: uow.task_queue.child(child_id, due, urgent=urgent, reduces=reduces))


def wake_again(
    uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow, *, failed: bool = False
) -> None:
    """Enqueues only the first of a parent's late or failed children after a deferral or a failure;
    otherwise all of them would come back and fail together."""
    child.wake_at = uow.now
    follows = failed or is_late(child, uow.now)
    if not (follows and orders.has_earlier_planned(uow.session, child)):
        wake_child(uow, child, is_urgent(parent))


def wake_next_late(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Enqueues the parent's next late child after one has gone out, as far as the catch-up bound
    allows."""
    now = uow.now
    following = orders.first_planned(uow.session, parent.request_id)
    if following is None or not is_late(following, now) or following.due_at > now + SOON:
        return
    child_id, due, reduces = following.child_id, following.due_at, following.reduce_only
    urgent = is_urgent(parent)
    uow.after_commit(lambda: uow.task_queue.child(child_id, due, urgent=urgent, reduces=reduces))


def is_late(child: ChildOrderRow, now: datetime) -> bool:
    """Whether the child is late."""
    return now - child.planned_at > LATE_AFTER


def is_urgent(parent: ParentOrderRow) -> bool:
    """Whether the parent is an exit in an emergency, which overtakes everything else."""
    return parent.reduce_only and parent.priority == ExecutionPriority.EMERGENCY


def lot_rules(instrument: InstrumentRow) -> LotRules:
    """The venue's rules for a child of this instrument."""
    return LotRules(
        instrument.qty_step, instrument.min_qty, instrument.max_qty, instrument.min_notional
    )


def lowest_price(parent: ParentOrderRow) -> Decimal:
    """The price at which the venue may count the notional of the parent's next child; its limit in
    older rows without that price."""
    found = parent.params.get("lowest_price")
    return parent.price_limit if found is None else Decimal(found)


def left_qty(parent: ParentOrderRow) -> Decimal:
    """The approved quantity that is neither filled nor released."""
    return parent.approved_qty - parent.filled_qty - parent.released_qty


def unplanned_qty(parent: ParentOrderRow, open_children: Sequence[ChildOrderRow]) -> Decimal:
    """The quantity that no live child holds; 0 for a planned schedule."""
    held = sum((child.qty - child.filled_qty for child in open_children), ZERO)
    return left_qty(parent) - held


@dataclass(frozen=True, slots=True)
class NewChild:
    """One more child order of a parent, as it is to be placed."""

    slot: int
    """The number of its slice."""
    attempt: int
    """0 for the slice's first child; together with the slot it fixes the id at the exchange."""
    qty: Decimal
    due_at: datetime
    style: Style = Style.IOC
    price: Decimal | None = None
    """The price of a resting child; None lets the claim follow the touch."""
    bound_bps: Decimal | None = None
    """The reach beyond the touch that a fallback step allows; None for the parent's own."""


def new_child(uow: UnitOfWork, parent: ParentOrderRow, wanted: NewChild) -> ChildOrderRow:
    """Adds a planned child of this parent and flushes it."""
    child = transitions.planned_child(
        request_id=parent.request_id,
        slot=wanted.slot,
        attempt=wanted.attempt,
        order_link_id=order_link_id(
            parent.account,
            parent.request_id,
            wanted.slot,
            wanted.attempt,
            strategy=parent.strategy,
        ),
        account=parent.account,
        symbol=parent.symbol,
        side=parent.side,
        qty=wanted.qty,
        filled_qty=ZERO,
        reduce_only=parent.reduce_only,
        planned_at=wanted.due_at,
        due_at=wanted.due_at,
        deadline_at=parent.deadline_at,
        style=wanted.style,
        price=wanted.price,
        bound_bps=wanted.bound_bps,
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
    """Takes a late fill of an ended child back from the released quantity; returns the part taken.

    The rest of it was the stepped parent's own, still unplanned.
    """
    unplanned = ZERO
    if parent.stepped and not parent.state.is_final:
        unplanned = unplanned_qty(parent, orders.open_children(uow.session, parent.request_id))
    released = min(parent.released_qty, max(ZERO, qty - max(ZERO, unplanned)))
    parent.released_qty -= released
    return released
