"""Breakers of what was sent and filled: churn."""

from models.enums import ScopeKind, TradingState
from tests.support.accounts.breakers import D, Watch, lose_in_a_row
from tests.support.accounts.losses import account_state

ACTIVE, REDUCING, RECOVERING = TradingState.ACTIVE, TradingState.REDUCING, TradingState.RECOVERING


def test_churn_locks_the_strategy_that_goes_in_circles(watch: Watch) -> None:
    watch.desk.limits.change(max_repeated_orders=100)
    watch.rules(churn_turnover=D("0.05"))
    lose_in_a_row(watch.desk, 3)
    watch.look()
    assert watch.row("churn", (ScopeKind.STRATEGY, "test")).tripped
    assert account_state(watch.desk) is ACTIVE
