"""Breakers of market data and of minute bars."""

from datetime import timedelta

from bot.safety.breakers.markets import BarFigures
from models.enums import ScopeKind, TradingState
from tests.support.accounts.breakers import Watch
from tests.support.accounts.losses import account_state

ACTIVE, REDUCING, RECOVERING = TradingState.ACTIVE, TradingState.REDUCING, TradingState.RECOVERING


def test_bad_data_locks_its_symbol_and_exits_go_on(watch: Watch) -> None:
    watch.desk.market.age_seconds = 20
    watch.look(9)
    assert watch.tripped() == set()
    watch.look(2)
    row = watch.row("data_quality_issue", (ScopeKind.SYMBOL, "BTCUSDT"))
    assert row.tripped
    assert "20.0 s old" in row.reason
    assert account_state(watch.desk) is ACTIVE


def test_figures_of_minute_bars_trip_their_breakers_while_they_are_fresh(watch: Watch) -> None:
    figures = BarFigures(watch.desk.clock.now(), {"BTCUSDT": 3.0}, 0.31)
    watch.evaluator().note_figures(figures)
    watch.look()
    assert watch.tripped() == {"volatility_spike", "correlation_breakdown"}


def test_old_figures_count_for_nothing(watch: Watch) -> None:
    figures = BarFigures(watch.desk.clock.now() - timedelta(minutes=6), {"BTCUSDT": 9.0}, 1.0)
    watch.evaluator().note_figures(figures)
    watch.look()
    assert watch.tripped() == set()
