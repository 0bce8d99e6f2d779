"""Losses, drawdown and cash flows, as the evaluator judges them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.enums import BreakerAction, ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import BreakerRow
from tests.support.accounts.breakers import D, Watch, trade
from tests.support.accounts.losses import account_state
from tests.support.desk import Desk

ACTIVE, REDUCING, RECOVERING = TradingState.ACTIVE, TradingState.REDUCING, TradingState.RECOVERING


def test_the_limit_itself_trips_after_three_readings_and_a_cent_above_does_not(
    watch: Watch,
) -> None:
    watch.equity("97000.01", 4)
    assert watch.tripped() == set()
    watch.equity("97000.00", 2)
    assert watch.tripped() == set()
    watch.equity("97000.00", 1)
    assert watch.tripped() == {"daily_loss_limit"}
    row = watch.row("daily_loss_limit")
    assert (row.value, row.limit, row.window) == ("0.030000", "0.03", "since 00:00 UTC")
    assert (row.count, row.action) == (1, BreakerAction.REDUCE_ONLY)
    assert account_state(watch.desk) is REDUCING


def test_one_bad_reading_trips_nothing(watch: Watch) -> None:
    watch.equity("40000", 1)
    watch.equity("100000", 5)
    assert watch.tripped() == set()


def test_a_gain_never_trips_and_a_fall_from_the_days_peak_does(watch: Watch) -> None:
    watch.equity("110000", 4)
    assert watch.tripped() == set()
    watch.equity("106800", 4)
    assert watch.tripped() == set()
    watch.equity("106700", 3)
    assert watch.tripped() == {"daily_loss_limit"}
    assert watch.row("daily_loss_limit").window == "from the day's peak"


def test_a_slow_bleed_over_midnight_trips_by_the_24_hours(watch: Watch) -> None:
    noon = watch.desk.clock.now()
    midnight = (noon + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    watch.equity("97500", 3)
    watch.desk.clock.move_to(midnight - timedelta(minutes=1))
    watch.equity("97500", 4)
    watch.desk.clock.move_to(midnight + timedelta(minutes=1))
    watch.equity("97500", 4)
    watch.equity("95000", 3)
    assert "daily_loss_limit" in watch.tripped()
    assert watch.row("daily_loss_limit").window == "24 hours"


def move_cash(desk: Desk, amount: str) -> None:
    """A deposit or a withdrawal between two readings, as the exchange's log tells it."""
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))
    desk.exchange.transfer(D(amount))


def test_withdrawing_half_trips_nothing(watch: Watch) -> None:
    move_cash(watch.desk, "-50000")
    watch.equity("50000", 6)
    assert watch.tripped() == set()
    assert watch.row("drawdown").value == "0.000000"


def test_a_deposit_hides_no_loss(watch: Watch) -> None:
    watch.equity("98000", 3)
    move_cash(watch.desk, "98000")
    watch.equity("196000", 4)
    assert watch.tripped() == set()
    watch.equity("193900", 4)
    assert watch.tripped() == {"daily_loss_limit"}


def test_a_falling_collateral_trips_no_strategys_breaker(watch: Watch) -> None:
    trade(watch.desk, "b-1", "buy", "65000")
    trade(watch.desk, "s-1", "sell", "65100")
    watch.equity("90000", 4)
    with watch.desk.db.reading() as session:
        rows = session.scalars(select(BreakerRow).where(BreakerRow.scope_kind == "strategy")).all()
    assert {row.kind for row in rows} >= {"daily_loss_limit", "consecutive_losses"}
    assert not any(row.tripped for row in rows)


@pytest.mark.long
def test_drawdown_goes_by_tiers_and_red_asks_for_the_flat_halt(watch: Watch) -> None:
    watch.desk.limits.change(
        max_daily_loss_share=D("0.9"), max_rolling_loss_share=D("0.9"), max_drawdown_share=D("0.10")
    )
    watch.equity("94900", 4)
    assert watch.row("drawdown").share is None, "the smoothed drawdown is still small"
    watch.look(60)
    assert watch.row("drawdown").share == D("0.5")
    assert watch.desk.approve("r-y")["verdict"] == "shrink"
    watch.equity("92000", 60)
    assert (watch.tripped(), account_state(watch.desk)) == ({"drawdown"}, REDUCING)
    assert watch.stops == []
    watch.equity("89000", 90)
    ((reason, flatten),) = watch.stops
    assert flatten
    assert "drawdown" in reason
    assert watch.row("drawdown").action is BreakerAction.FLATTEN
    with watch.desk.db.reading() as session:
        rows = states.all_states(session)
    (latched,) = [row for row in rows if row.scope_kind == ScopeKind.GLOBAL]
    assert latched.state == TradingState.FLATTENING, "in the transaction that found the drawdown"
