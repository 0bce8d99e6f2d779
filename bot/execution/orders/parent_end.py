"""The end of a parent: its remainder is released. Its state and its request's status follow from
the filled quantity and the reason of the end.

Callers hold the parent's lock.
"""

from datetime import datetime

from bot.execution.orders import exits, transitions
from bot.execution.orders.parents import left_qty, release
from bot.execution.policy.failures import CANCELLED_AT_EXCHANGE
from models.amounts import ZERO
from models.database import UnitOfWork
from models.enums import NOTHING_TO_REDUCE, ExecutionStatus, ParentState
from models.locks import lock_reservation
from models.repositories import orders
from models.tables import ParentOrderRow

CANCELLED_BY_OPERATOR = "cancelled by the operator"
"""The beginning of the stop reason of an operator's cancel; the request's status follows from
it."""
_CANCELLED = (CANCELLED_BY_OPERATOR, CANCELLED_AT_EXCHANGE, exits.REPLACED)
"""The beginnings of reasons for which a person wanted a trade to end: it has not failed."""
_HALTED = "halt"
_DECIDED = (_HALTED, CANCELLED_BY_OPERATOR, exits.REPLACED)
"""The beginnings of reasons that we decided on: they stay, whatever happens to the position."""


def finish(uow: UnitOfWork, parent: ParentOrderRow, now: datetime, note: str) -> None:
    """Ends a parent without anything open; the unfilled quantity is released."""
    if parent.state.is_final:
        return
    status = close(uow, parent, now, note)
    orders.set_request_status(uow.session, parent.request_id, status, now)


def close(uow: UnitOfWork, parent: ParentOrderRow, now: datetime, note: str) -> ExecutionStatus:
    """`finish` without the request's row: returns the status that it is to have."""
    is_met = exits.is_met(uow, parent)
    if is_met and not note.startswith(_DECIDED):
        note = NOTHING_TO_REDUCE
    rest = left_qty(parent)
    if rest > 0:
        release(uow, parent, rest)
    _release_reservation(uow, parent, now)
    transitions.end_parent(uow, parent, note, now)
    if not is_met:
        exits.report_unfilled(uow, parent, note, now)
    return _request_status(parent)


def end_anew(uow: UnitOfWork, parent: ParentOrderRow, now: datetime) -> None:
    """Concludes its end anew, after a fill that came late."""
    before = transitions.correct_end(parent)
    status = _request_status(parent)
    orders.set_request_status(uow.session, parent.request_id, status, now)
    transitions.report_corrected_end(uow, parent, before, status, now)


def _release_reservation(uow: UnitOfWork, parent: ParentOrderRow, now: datetime) -> None:
    reservation = lock_reservation(uow.session, parent.request_id)
    if reservation is not None:
        transitions.set_reservation(reservation, ZERO, now, released=True)


def _request_status(parent: ParentOrderRow) -> ExecutionStatus:
    if parent.state == ParentState.COMPLETED:
        return ExecutionStatus.EXECUTED_SUCCESSFULLY
    reason = parent.end_reason or ""
    if reason.startswith(_HALTED):
        return ExecutionStatus.EMERGENCY_STOPPED
    if parent.state == ParentState.PARTIAL or reason == NOTHING_TO_REDUCE:
        return ExecutionStatus.EXECUTED_SUCCESSFULLY
    if reason.startswith(_CANCELLED):
        return ExecutionStatus.CANCELLED
    return ExecutionStatus.EXECUTION_FAILED
