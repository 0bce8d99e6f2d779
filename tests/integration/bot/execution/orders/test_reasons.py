"""Code goes by the cause of an end; its words are for people and may say anything."""

import pytest

from bot.execution.orders import lifecycle
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.reasons import Reason
from models.enums import ChildState, EndCause, ExecutionStatus
from models.locks import lock_order
from models.tables import TradeRequestRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services


def _status(desk: Desk) -> ExecutionStatus:
    with desk.db.reading() as session:
        return session.get_one(TradeRequestRow, "r-1").status


@pytest.mark.parametrize(
    "words", ["halted by the venue", "replaced by exit r-9", "cancelled by the operator: x"]
)
def test_words_that_sound_like_ours_decide_nothing(desk: Desk, words: str) -> None:
    desk.approve()
    with desk.deps.work() as uow:
        found = lock_order(uow.session, desk.child().child_id)
        assert found is not None
        lifecycle.end_child(uow, *found, Ending(ChildState.CANCELLED, Reason(words)))
        uow.commit()
    parent = desk.parent()
    assert (parent.end_reason, parent.end_cause) == (words, EndCause.OTHER)
    assert _status(desk) is ExecutionStatus.EXECUTION_FAILED


def test_a_halt_is_the_cause_of_an_end(desk: Desk) -> None:
    desk.approve_twap()
    desk.trading_halt.halt(reason="drill", actor="operator")
    parent = desk.parent()
    assert (parent.stop_cause, parent.end_cause) == (EndCause.HALTED, EndCause.HALTED)
    assert _status(desk) is ExecutionStatus.EMERGENCY_STOPPED
