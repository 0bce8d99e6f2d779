"""The end of a parent: its remainder is released. Its state and its request's status follow from
the filled quantity and the reason of the end.

Callers hold the parent's lock.
"""

from bot.execution.orders import exits, reasons, request_status, transitions
from bot.execution.orders.parents import left_qty, release
from bot.execution.orders.reasons import Reason
from bot.execution.ports import OrderWork
from models.amounts import ZERO
from models.enums import ExecutionStatus, ParentState
from models.locks import lock_reservation
from models.tables import ParentOrderRow


def finish(uow: OrderWork, parent: ParentOrderRow, reason: Reason) -> None:
    """Ends a parent without anything open; the unfilled quantity is released."""
    if parent.state.is_final:
        return
    status = close(uow, parent, reason)
    request_status.end_requests(uow, [parent.request_id], status)


def close(uow: OrderWork, parent: ParentOrderRow, reason: Reason) -> ExecutionStatus:
    """`finish` without the request's row: returns the status that the request gets."""
    is_met = exits.is_met(uow, parent)
    if is_met and not reasons.is_decided(reason.cause):
        reason = reasons.NOTHING_LEFT
    rest = left_qty(parent)
    if rest > 0:
        release(uow, parent, rest)
    _release_reservation(uow, parent)
    transitions.end_parent(uow, parent, reason)
    if not is_met:
        exits.report_unfilled(uow, parent, reason)
    return _request_status(parent)


def end_anew(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Concludes its end anew, after a fill that came late."""
    before = transitions.correct_end(parent)
    status = _request_status(parent)
    request_status.end_requests(uow, [parent.request_id], status)
    transitions.report_corrected_end(uow, parent, before, status)


def _release_reservation(uow: OrderWork, parent: ParentOrderRow) -> None:
    reservation = lock_reservation(uow.session, parent.request_id)
    if reservation is not None:
        transitions.set_reservation(reservation, ZERO, uow.now, released=True)


def _request_status(parent: ParentOrderRow) -> ExecutionStatus:
    if parent.state == ParentState.COMPLETED:
        return ExecutionStatus.EXECUTED_SUCCESSFULLY
    return reasons.status_of_rest(parent.end_cause, filled=parent.state is ParentState.PARTIAL)
