"""A tripped breaker stays tripped, and stops what was approved before it tripped."""

from decimal import Decimal

from bot.execution.sending.sender import SendResult
from bot.safety.monitor import Monitor
from models.enums import TradingState
from tests.support.accounts.losses import account_state, lose
from tests.support.desk import Desk

D = Decimal


def test_a_breaker_stays_tripped_when_the_money_comes_back(desk: Desk, monitor: Monitor) -> None:
    lose(desk, monitor, "90000", 3)
    lose(desk, monitor, "120000", 5)
    assert account_state(desk) is TradingState.REDUCING
    assert desk.audit_kinds().count("breaker_tripped") == 1


def test_a_breaker_that_trips_after_the_approval_stops_the_send(
    desk: Desk, monitor: Monitor
) -> None:
    """Scenario trip-between-check-and-send."""
    desk.approve()
    lose(desk, monitor, "90000", 3)
    assert desk.send(desk.child().child_id) is SendResult.STOPPED
    assert desk.exchange.posts == 0
    desk.check_balance()
