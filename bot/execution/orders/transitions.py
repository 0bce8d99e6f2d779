"""The states of parent orders, child orders and reservations, and every move between them.

Nothing else sets a state, a lease, a fencing token or the time of an end. Each move is checked
against the table of allowed moves, and its audit entry is written in the same transaction.
`lifecycle` decides on the consequences of a move: the rest of an ended child, the next attempt, the
end of the parent. Callers hold the parent's lock, then the child's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from bot.authority.actors import Actor, record
from bot.errors import ExchangeRefused, MlriskError
from bot.exchange.protocol import ExchangeOrder, Execution
from bot.execution.orders.approved import RiskApproved
from bot.execution.orders.reasons import Reason
from bot.execution.ports import OrderWork
from models.documents.orders import Arrival
from models.enums import ChildState, ExecutionStatus, ParentState, ReservationState
from models.repositories.trading import stopping
from models.tables import ChildOrderRow, ParentOrderRow, ReservationRow

_C, _P = ChildState, ParentState
_TOLD: frozenset[ChildState] = frozenset({_C.WORKING, _C.FILLED, _C.CANCELLED, _C.REJECTED})
"""The states that the exchange may report of an order of ours that has not ended here."""

CHILD_MOVES: Mapping[ChildState, frozenset[ChildState]] = MappingProxyType(
    {
        _C.PLANNED: _TOLD | {_C.SENDING, _C.EXPIRED},
        _C.SENDING: _TOLD | {_C.ACKED, _C.UNKNOWN, _C.PLANNED, _C.EXPIRED},
        _C.UNKNOWN: _TOLD | {_C.PLANNED, _C.EXPIRED},
        _C.ACKED: _TOLD | {_C.LOST},
        _C.WORKING: _TOLD - {_C.WORKING} | {_C.LOST},
        # An end is for ever, but a fill that comes late still counts.
        _C.CANCELLED: frozenset({_C.FILLED}),
        _C.REJECTED: frozenset({_C.FILLED}),
        _C.EXPIRED: frozenset({_C.FILLED}),
        _C.LOST: frozenset({_C.FILLED}),
        _C.FILLED: frozenset(),
    }
)
"""State of a child order to the states that may follow it."""

_ENDS: frozenset[ParentState] = frozenset({_P.COMPLETED, _P.PARTIAL, _P.UNFILLED})
PARENT_MOVES: Mapping[ParentState, frozenset[ParentState]] = MappingProxyType(
    {
        _P.WORKING: _ENDS | {_P.PAUSED},
        _P.PAUSED: _ENDS | {_P.WORKING},
        # A late fill makes more of an end, never less.
        _P.UNFILLED: frozenset({_P.PARTIAL, _P.COMPLETED}),
        _P.PARTIAL: frozenset({_P.COMPLETED}),
        _P.COMPLETED: frozenset(),
    }
)
"""State of a parent order to the states that may follow it."""


class ForbiddenMove(MlriskError):
    """The table does not allow a state to follow another; the transaction must not be committed."""

    def __init__(self, subject: str, before: StrEnum, after: StrEnum) -> None:
        super().__init__(f"{subject} is {before} and can't become {after}")


@dataclass(frozen=True, slots=True)
class WriteAhead:
    """The facts that a claim stores before anything is sent."""

    owner: str
    """The process that will send the child."""
    lease: timedelta
    """While it lasts, nobody else may conclude anything from the owner's silence."""
    body: dict[str, object]
    """The exact request."""
    price: Decimal
    arrival: Arrival | None
    """The market at the claim; None when it was unknown."""


def planned_child(**facts: Any) -> ChildOrderRow:
    """A new child order with these columns, in its first state."""
    return ChildOrderRow(state=_C.PLANNED, **facts)


def working_parent(**facts: Any) -> ParentOrderRow:
    """A new parent order with these columns, in its first state."""
    return ParentOrderRow(state=_P.WORKING, **facts)


def held_reservation(**facts: Any) -> ReservationRow:
    """A new reservation with these columns, in its first state."""
    return ReservationRow(state=ReservationState.HELD, **facts)


def claim(uow: OrderWork, approved: RiskApproved[ChildOrderRow], written: WriteAhead) -> None:
    """PLANNED to SENDING: stores the request. Only the holder of the new token may send the request
    and store its outcome."""
    child = approved.order
    _move(child, _C.SENDING)
    child.body, child.price, child.arrival = dict(written.body), written.price, written.arrival
    child.lease_owner, child.lease_until = written.owner, uow.now + written.lease
    child.fencing_token += 1
    child.claims += 1
    child.wakes = 0
    child.posts += 1
    child.sent_at = uow.now
    child.first_sent_at = child.first_sent_at or uow.now
    details = {"body": dict(written.body), "post": child.posts}
    _audit(uow, child, "child_sending", written.owner, details)


def acknowledge(uow: OrderWork, child: ChildOrderRow, order_id: str, owner: str) -> None:
    """SENDING to ACKED: the exchange has taken the order."""
    _move(child, _C.ACKED)
    child.exchange_order_id = order_id
    child.acked_at = child.acked_at or uow.now
    _give_up_lease(child)
    _outcome(uow, child, owner, {"outcome": "acked", "order_id": order_id})


def note_refusal(uow: OrderWork, child: ChildOrderRow, error: ExchangeRefused, owner: str) -> None:
    """Records the exchange's no; `lifecycle.end_child` ends the child in the same transaction."""
    child.ret_code = error.ret_code
    details = {"outcome": "refused", "code": error.ret_code, "text": error.ret_msg}
    _outcome(uow, child, owner, details)


def send_back(uow: OrderWork, child: ChildOrderRow, why: str, due_at: datetime, owner: str) -> None:
    """SENDING to PLANNED: the exchange provably did not take the order, and the child keeps its
    id."""
    _move(child, _C.PLANNED)
    child.due_at = max(child.due_at, due_at)
    child.first_sent_at = None
    child.note = why
    _give_up_lease(child)
    _outcome(uow, child, owner, {"outcome": "not_taken", "text": why})


def lose_sight(
    uow: OrderWork, child: ChildOrderRow, why: str, ret_code: int | None, owner: str
) -> None:
    """SENDING to UNKNOWN: the exchange must be asked before anything else."""
    _move(child, _C.UNKNOWN)
    child.ret_code = ret_code
    child.note = why
    _give_up_lease(child)
    _outcome(uow, child, owner, {"outcome": "unknown", "text": why})


def disprove(uow: OrderWork, child: ChildOrderRow, taken_by: str | None) -> None:
    """Records that the exchange has never taken the order and fences its sender off.

    `plan_again` or `lifecycle.end_child` follows in the same transaction. `taken_by` is the number
    of a foreign order with the same id.
    """
    _fence(child)
    details = {"posts": child.posts, "id_taken_by": taken_by}
    _audit(uow, child, "child_not_taken", "reconcile", details)


def plan_again(uow: OrderWork, child: ChildOrderRow) -> None:
    """SENDING or UNKNOWN to PLANNED, due now; `disprove` has written the entry."""
    _move(child, _C.PLANNED)
    child.wake_at = child.due_at = uow.now


def fill(uow: OrderWork, child: ChildOrderRow, execution: Execution) -> None:
    """Counts an execution on its child.

    A partly filled child becomes WORKING. That holds even after it went back to the plan, because
    its order was taken and is not sent again. An ended child becomes FILLED once its whole quantity
    is filled. `lifecycle` ends any other child.
    """
    child.filled_qty += execution.qty
    child.acked_at = child.acked_at or uow.now
    child.exchange_order_id = child.exchange_order_id or execution.order_id
    if child.state.is_final:
        if child.filled_qty >= child.qty:
            _move(child, _C.FILLED)
    elif child.filled_qty < child.qty:
        _move(child, _C.WORKING)
    details = {
        "exec_id": execution.exec_id,
        "qty": format(execution.qty, "f"),
        "price": format(execution.price, "f"),
        "fee": format(execution.fee, "f"),
        "fee_currency": execution.fee_currency,
    }
    _audit(uow, child, "fill", "exchange", details)


def adopt(uow: OrderWork, child: ChildOrderRow, order: ExchangeOrder) -> bool:
    """Takes over the exchange's report of the order; returns whether the child ends by it.

    The child ends when the order has ended and our fills add up to the exchange's; `endings` ends
    it. Until then the child is WORKING. A process that still sends the child loses its token,
    because the report knows the outcome better.
    """
    is_over = order.status.is_final and child.filled_qty >= order.filled_qty
    moves = child.state is not _C.WORKING and not is_over
    if child.exchange_order_id is None or moves:
        details = {"order_id": order.order_id}
        _audit(uow, child, "order_at_exchange", "exchange", details)
    child.exchange_order_id = order.order_id
    child.exchange_filled_qty = order.filled_qty
    child.exchange_status = order.status
    child.acked_at = child.acked_at or uow.now
    child.venue_reason = order.reason if order.status.is_final else None
    child.note = order.words or None
    _fence(child)
    if moves:
        _move(child, _C.WORKING)
    return is_over


def end(uow: OrderWork, child: ChildOrderRow, state: ChildState, note: str) -> Decimal:
    """Ends a child; returns its unfilled rest, which the caller must account for."""
    _move(child, state)
    child.final_at = uow.now
    child.note = note
    # A process that is still sending this child must not write its outcome over a final state.
    _fence(child)
    details = {
        "state": state.value,
        "qty": format(child.qty, "f"),
        "filled": format(child.filled_qty, "f"),
        "note": note,
    }
    _audit(uow, child, "child_ended", "mlrisk", details)
    return child.qty - child.filled_qty


def end_all_planned(
    uow: OrderWork, request_ids: Sequence[str], note: str
) -> Mapping[str, Sequence[stopping.Ended]]:
    """Cancels every planned child of these parents in one statement; returns them by parent.

    The caller names the children in each parent's entry `parent_stopped`.
    """
    changes = {
        "state": _C.CANCELLED,
        "final_at": uow.now,
        "note": note,
        "lease_owner": None,
        "lease_until": None,
        "fencing_token": ChildOrderRow.fencing_token + 1,
    }
    return stopping.end_planned(uow.session, request_ids, changes)


def pause(uow: OrderWork, parent: ParentOrderRow, actor: Actor, facts: Mapping[str, Any]) -> None:
    """WORKING to PAUSED, by an operator."""
    _move_parent(parent, _P.PAUSED)
    record(uow, parent.account, "parent_paused", parent.request_id, actor, dict(facts), uow.now)


def resume(uow: OrderWork, parent: ParentOrderRow, actor: Actor, facts: Mapping[str, Any]) -> None:
    """PAUSED to WORKING, by an operator. A parent that was set aside counts its failures anew."""
    _move_parent(parent, _P.WORKING)
    parent.set_aside_at, parent.step_failures, parent.failure = None, 0, None
    record(uow, parent.account, "parent_resumed", parent.request_id, actor, dict(facts), uow.now)


def set_aside(uow: OrderWork, parent: ParentOrderRow, facts: Mapping[str, Any]) -> None:
    """To PAUSED, because the parent's steps keep failing. A parent that is being stopped keeps its
    state."""
    parent.set_aside_at = uow.now
    if parent.stop_reason is None and parent.state is not _P.PAUSED:
        _move_parent(parent, _P.PAUSED)
    uow.add_entry(parent.account, "parent_set_aside", parent.request_id, "worker", dict(facts))


def begin_to_stop(parent: ParentOrderRow, reason: Reason) -> None:
    """Records why nothing more of a parent is placed; the first reason stays. The act that ends the
    parent has the audit entry."""
    if parent.stop_reason is None:
        parent.stop_reason, parent.stop_cause = reason.words, reason.cause


def end_parent(uow: OrderWork, parent: ParentOrderRow, reason: Reason) -> None:
    """Ends a parent in the state that follows from its filled quantity; its rest has been
    released."""
    _move_parent(parent, _end_state(parent))
    parent.finished_at = uow.now
    parent.end_reason, parent.end_cause = reason.words, reason.cause
    parent.step_at = None
    details = {
        "state": parent.state.value,
        "approved": format(parent.approved_qty, "f"),
        "filled": format(parent.filled_qty, "f"),
        "released": format(parent.released_qty, "f"),
        "note": reason.words,
        "cause": reason.cause.value,
    }
    uow.add_entry(parent.account, "parent_ended", parent.request_id, "mlrisk", details)


def correct_end(parent: ParentOrderRow) -> ParentState:
    """Corrects a parent's end after a late fill; returns the former state. `report_corrected_end`
    writes the audit entry."""
    before, after = parent.state, _end_state(parent)
    if after is not before:
        _move_parent(parent, after)
    return before


def report_corrected_end(
    uow: OrderWork, parent: ParentOrderRow, before: ParentState, status: ExecutionStatus
) -> None:
    """Writes the audit entry of `correct_end`, with the request's status from now on."""
    details = {
        "before": before.value,
        "state": parent.state.value,
        "status": status.value,
        "filled": format(parent.filled_qty, "f"),
        "released": format(parent.released_qty, "f"),
    }
    uow.add_entry(parent.account, "parent_end_corrected", parent.request_id, "mlrisk", details)


def set_reservation(
    reservation: ReservationRow, open_qty: Decimal, now: datetime, *, released: bool
) -> None:
    """Sets the part of the limits that the trade holds from now on. The caller's audit entry has
    the reason."""
    reservation.open_qty = open_qty
    reservation.state = ReservationState.RELEASED if released else ReservationState.HELD
    reservation.released_at = (reservation.released_at or now) if released else None


def _move(child: ChildOrderRow, after: ChildState) -> None:
    if child.state is after is _C.WORKING:
        return  # further fills and reports of an order that works
    if after not in CHILD_MOVES[child.state]:
        raise ForbiddenMove(f"child order {child.order_link_id}", child.state, after)
    child.state = after


def _move_parent(parent: ParentOrderRow, after: ParentState) -> None:
    if after not in PARENT_MOVES[parent.state]:
        raise ForbiddenMove(f"parent order {parent.request_id}", parent.state, after)
    parent.state = after


def _end_state(parent: ParentOrderRow) -> ParentState:
    if parent.filled_qty == parent.approved_qty:
        return _P.COMPLETED
    return _P.PARTIAL if parent.filled_qty > 0 else _P.UNFILLED


def _give_up_lease(child: ChildOrderRow) -> None:
    child.lease_owner, child.lease_until = None, None


def _fence(child: ChildOrderRow) -> None:
    """Ends the lease and raises the token, so that the holder of an older token can store
    nothing."""
    _give_up_lease(child)
    child.fencing_token += 1


def _outcome(uow: OrderWork, child: ChildOrderRow, owner: str, details: Mapping[str, Any]) -> None:
    _audit(uow, child, "child_outcome", owner, details)


def _audit(
    uow: OrderWork, child: ChildOrderRow, kind: str, actor: str, details: Mapping[str, Any]
) -> None:
    uow.add_entry(
        child.account, kind, child.request_id, actor, {"child": child.order_link_id, **details}
    )
