"""A tripped breaker stays tripped, and stops what was approved before it tripped."""

from dataclasses import replace
from decimal import Decimal

from bot.execution.sending.sender import SendResult
from bot.safety.monitor import Monitor
from models.enums import ScopeKind, TradingState
from models.repositories import states
from tests.support.desk import ACCOUNT, Desk

D = Decimal


def account_state(desk: Desk) -> TradingState:
    with desk.db.reading() as session:
        rows = states.applicable_states(session, ACCOUNT, "test", "BTCUSDT")
    return next(
        (TradingState(r.state) for r in rows if r.scope_kind == ScopeKind.ACCOUNT),
        TradingState.ACTIVE,
    )


def lose(desk: Desk, monitor: Monitor, equity: str, times: int) -> None:
    wallet = desk.exchange.wallet()
    desk.exchange.wallet = lambda: replace(wallet, equity=D(equity))  # type: ignore[method-assign]
    for _ in range(times):
        desk.pass_time(3)
        monitor.judge_losses()


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
