"""The status of a request: decided once, and only ends are corrected."""

import pytest

from bot.execution.orders.request_status import ENDS, REQUEST_MOVES, end_requests, move_request
from bot.execution.orders.transitions import ForbiddenMove
from models.enums import ExecutionStatus
from models.tables import TradeRequestRow
from tests.support.fakes import T0

PENDING = ExecutionStatus.PENDING_VALIDATION


def test_the_table_knows_every_status_and_corrects_only_ends() -> None:
    assert set(REQUEST_MOVES) == set(ExecutionStatus)
    assert all(REQUEST_MOVES[end] == ENDS for end in ENDS)
    assert REQUEST_MOVES[ExecutionStatus.VALIDATION_FAILED] == frozenset()
    assert {s for s, after in REQUEST_MOVES.items() if PENDING in after} == {ExecutionStatus.PARKED}


def test_a_denied_request_can_not_be_executed() -> None:
    row = TradeRequestRow(request_id="r-1", status=ExecutionStatus.VALIDATION_FAILED)
    with pytest.raises(ForbiddenMove, match="request r-1 is validation_failed"):
        move_request(row, ExecutionStatus.PENDING_EXECUTION, T0)
    assert row.status is ExecutionStatus.VALIDATION_FAILED


def test_the_end_of_an_order_gives_no_other_status() -> None:
    with pytest.raises(ValueError, match="parked is no end"):
        end_requests(None, ["r-1"], ExecutionStatus.PARKED)  # type: ignore[arg-type]
