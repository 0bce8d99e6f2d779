"""The status of trade requests, and every move between two of them.

Nothing else sets a status. A decision moves its own row. The ends of orders move many requests by
one statement each; they follow the end of a parent, which `transitions` has checked.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bot.execution.orders.transitions import ForbiddenMove
from bot.execution.ports import OrderWork
from models.enums import ExecutionStatus
from models.repositories.trading import orders
from models.tables import TradeRequestRow

_S = ExecutionStatus

ENDS: frozenset[ExecutionStatus] = frozenset(
    {_S.EXECUTED_SUCCESSFULLY, _S.EXECUTION_FAILED, _S.CANCELLED, _S.EMERGENCY_STOPPED}
)
"""The statuses that follow from the end of a parent order."""
REQUEST_MOVES: Mapping[ExecutionStatus, frozenset[ExecutionStatus]] = MappingProxyType(
    {
        _S.PENDING_VALIDATION: frozenset(
            {_S.VALIDATION_PASSED, _S.VALIDATION_FAILED, _S.PENDING_EXECUTION, _S.PARKED}
        ),
        _S.VALIDATION_PASSED: frozenset({_S.PENDING_EXECUTION}),
        _S.PARKED: frozenset({_S.PENDING_VALIDATION, _S.CANCELLED}),
        _S.PENDING_EXECUTION: ENDS | {_S.EXECUTING},
        _S.EXECUTING: ENDS,
        # A fill that comes late corrects an end.
        **dict.fromkeys(ENDS, ENDS),
        _S.VALIDATION_FAILED: frozenset(),
    }
)
"""Status of a request to the statuses that may follow it."""


def received_request(**facts: Any) -> TradeRequestRow:
    """A new request with these columns, in its first status."""
    return TradeRequestRow(status=_S.PENDING_VALIDATION, **facts)


def move_request(row: TradeRequestRow, status: ExecutionStatus, now: datetime) -> None:
    """Moves a locked row. Raises ForbiddenMove when the table does not allow it. The caller writes
    the audit entry."""
    if status not in REQUEST_MOVES[row.status]:
        raise ForbiddenMove(f"request {row.request_id}", row.status, status)
    row.status, row.updated_at = status, now


def end_requests(uow: OrderWork, request_ids: Sequence[str], status: ExecutionStatus) -> None:
    """Gives requests the status of their parents' end; does nothing without such rows."""
    if status not in ENDS:
        raise ValueError(f"{status} is no end of a request")
    changes = {"status": status, "updated_at": uow.now}
    orders.change_requests(uow.session, request_ids, changes)
