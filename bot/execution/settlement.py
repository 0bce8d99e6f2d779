"""What happens when a child ends: its unfilled rest is tried again or released, and the parent
ends when nothing is open any more.

At every moment filled + released + open = approved, where open is what live children may still
fill (I3). Callers hold the parent's lock, then the child's.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from bot.execution.identity import order_link_id
from models.database import UnitOfWork
from models.enums import (
    ChildState,
    ExecutionStatus,
    ParentState,
    ReservationState,
)
from models.locks import lock_reservation
from models.repositories import orders, portfolio
from models.tables import ChildOrderRow, ParentOrderRow, TradeRequestRow

MAX_ATTEMPTS = 5
"""Orders that one slot may use up: after five the market isn't there at our price."""
RETRY_BASE_SECONDS = 0.5


def end_child(
    uow: UnitOfWork,
    parent: ParentOrderRow,
    child: ChildOrderRow,
    state: ChildState,
    now: datetime,
    *,
    note: str,
    retry: bool,
) -> ChildOrderRow | None:
    """Moves a child to a final state; returns the child that goes on with its rest, if any."""
    if ChildState(child.state).is_final:
        return None
    child.state = state
    child.final_at = now
    child.note = note
    child.lease_owner, child.lease_until = None, None
    # Whoever is still sending this child must not write its outcome over a final state.
    child.fencing_token += 1
    uow.audit(
        child.account,
        "child_ended",
        parent.request_id,
        "mlrisk",
        {
            "child": child.order_link_id,
            "state": state.value,
            "qty": format(child.qty, "f"),
            "filled": format(child.filled_qty, "f"),
            "note": note,
        },
        now,
    )
    rest = child.qty - child.filled_qty
    successor = None
    if rest > 0:
        if retry:
            successor = _next_attempt(uow, parent, child, rest, now)
        if successor is None:
            _release(uow, parent, rest)
    _finish_if_done(uow, parent, now, note)
    return successor


def _next_attempt(
    uow: UnitOfWork,
    parent: ParentOrderRow,
    child: ChildOrderRow,
    rest: Decimal,
    now: datetime,
) -> ChildOrderRow | None:
    """Another child of the same slot for the rest, if its time, attempts and size allow one."""
    attempt = orders.last_attempt(uow.session, parent.request_id, child.slot) + 1
    due = now + timedelta(seconds=RETRY_BASE_SECONDS * 2 ** (attempt - 1))
    if (
        attempt >= MAX_ATTEMPTS
        or due >= parent.deadline_at
        or ParentState(parent.state).is_final
        or not _large_enough(uow, parent, rest)
    ):
        return None
    successor = ChildOrderRow(
        request_id=parent.request_id,
        slot=child.slot,
        attempt=attempt,
        order_link_id=order_link_id(parent.account, parent.request_id, child.slot, attempt),
        account=parent.account,
        symbol=parent.symbol,
        side=parent.side,
        qty=rest,
        filled_qty=Decimal(0),
        reduce_only=parent.reduce_only,
        planned_at=due,
        due_at=due,
        deadline_at=parent.deadline_at,
        state=ChildState.PLANNED,
    )
    uow.session.add(successor)
    uow.session.flush()
    return successor


def _large_enough(uow: UnitOfWork, parent: ParentOrderRow, rest: Decimal) -> bool:
    rules = portfolio.instrument(uow.session, parent.symbol)
    if rules is None or rest < rules.min_qty:
        return False
    return parent.reduce_only or rest * parent.price_limit >= rules.min_notional


def _release(uow: UnitOfWork, parent: ParentOrderRow, qty: Decimal) -> None:
    parent.released_qty += qty
    reservation = lock_reservation(uow.session, parent.request_id)
    if reservation is not None:
        reservation.open_qty = max(Decimal(0), reservation.open_qty - qty)


def _finish_if_done(uow: UnitOfWork, parent: ParentOrderRow, now: datetime, note: str) -> None:
    uow.session.flush()
    if ParentState(parent.state).is_final or orders.open_children(uow.session, parent.request_id):
        return
    if parent.filled_qty == parent.approved_qty:
        parent.state = ParentState.COMPLETED
    else:
        parent.state = ParentState.PARTIAL if parent.filled_qty > 0 else ParentState.UNFILLED
    parent.finished_at = now
    parent.end_reason = note
    _release_reservation(uow, parent, now)
    request = uow.session.get(TradeRequestRow, parent.request_id, with_for_update=True)
    if request is not None:
        request.status = _request_status(parent)
        request.updated_at = now
    uow.audit(
        parent.account,
        "parent_ended",
        parent.request_id,
        "mlrisk",
        {
            "state": str(parent.state),
            "approved": format(parent.approved_qty, "f"),
            "filled": format(parent.filled_qty, "f"),
            "released": format(parent.released_qty, "f"),
            "note": note,
        },
        now,
    )


def _release_reservation(uow: UnitOfWork, parent: ParentOrderRow, now: datetime) -> None:
    reservation = lock_reservation(uow.session, parent.request_id)
    if reservation is not None:
        reservation.state = ReservationState.RELEASED
        reservation.released_at = now
        reservation.open_qty = Decimal(0)


def _request_status(parent: ParentOrderRow) -> ExecutionStatus:
    if parent.state == ParentState.COMPLETED:
        return ExecutionStatus.EXECUTED_SUCCESSFULLY
    if parent.end_reason is not None and parent.end_reason.startswith("halt"):
        return ExecutionStatus.EMERGENCY_STOPPED
    if parent.state == ParentState.PARTIAL:
        return ExecutionStatus.EXECUTED_SUCCESSFULLY
    return ExecutionStatus.EXECUTION_FAILED
