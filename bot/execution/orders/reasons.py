"""Why orders end: a cause for code, and words for people that no code reads again."""

from dataclasses import dataclass

from models.enums import NOTHING_TO_REDUCE, EndCause, ExecutionStatus
from models.tables import ParentOrderRow


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a parent or child order ends."""

    words: str
    cause: EndCause = EndCause.OTHER


HALTED = Reason("halted", EndCause.HALTED)
CANCELLED_AT_EXCHANGE = Reason("cancelled_at_exchange", EndCause.CANCELLED_AT_EXCHANGE)
"""Somebody else cancelled the order at the exchange."""
DEADLINE_PASSED = Reason("deadline passed", EndCause.OUT_OF_TIME)
NOTHING_LEFT = Reason(NOTHING_TO_REDUCE, EndCause.NOTHING_TO_REDUCE)


def cancelled_by_operator(why: str) -> Reason:
    """The reason of an operator's cancel, with the operator's own words."""
    return Reason(f"cancelled by the operator: {why}", EndCause.CANCELLED_BY_OPERATOR)


def replaced_by(request_id: str) -> Reason:
    """The reason of an order that gave way to an exit with this request id."""
    return Reason(f"replaced by exit {request_id}", EndCause.REPLACED_BY_EXIT)


def reason_to_stop(parent: ParentOrderRow) -> Reason | None:
    """Why the parent is being ended; None while it goes on."""
    if parent.stop_reason is None:
        return None
    return Reason(parent.stop_reason, parent.stop_cause or EndCause.OTHER)


def is_decided(cause: EndCause) -> bool:
    """Whether we decided on the end. Such a cause stays, even when the position changes."""
    return cause in _DECIDED


def status_of_rest(cause: EndCause | None, *, filled: bool) -> ExecutionStatus:
    """The status of a request that was not filled whole; `filled` says whether a part of it was."""
    if cause is EndCause.HALTED:
        return ExecutionStatus.EMERGENCY_STOPPED
    if filled or cause is EndCause.NOTHING_TO_REDUCE:
        return ExecutionStatus.EXECUTED_SUCCESSFULLY
    return ExecutionStatus.CANCELLED if cause in _WANTED else ExecutionStatus.EXECUTION_FAILED


_DECIDED = frozenset({EndCause.HALTED, EndCause.CANCELLED_BY_OPERATOR, EndCause.REPLACED_BY_EXIT})
_WANTED = frozenset(
    {
        EndCause.CANCELLED_BY_OPERATOR,
        EndCause.CANCELLED_AT_EXCHANGE,
        EndCause.REPLACED_BY_EXIT,
    }
)
"""A person wanted the end, or another trade took over; the trade has not failed."""
