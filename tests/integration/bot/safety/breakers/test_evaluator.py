"""The evaluator on a real database: what trips, what doesn't, and how a breaker ends."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from bot.safety.breakers.evaluator import BreakerEvaluator, BreakerReport
from bot.safety.breakers.markets import BarFigures
from bot.safety.recovery import Recovery
from bot.state.breakers import BreakerScope, Finding, trip
from models.enums import BreakerAction, ScopeKind, TradingState
from models.locks import try_lock_breakers
from models.repositories import states
from models.tables import BreakerRow, BreakerTripRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.losses import account_state

D = Decimal
ACTIVE, REDUCING, RECOVERING = TradingState.ACTIVE, TradingState.REDUCING, TradingState.RECOVERING


@dataclass
class Watch:
    """An evaluator and its wallet; every look is three seconds after the one before."""

    desk: Desk
    production: bool = False
    stops: list[tuple[str, bool]] = field(default_factory=list)

    def evaluator(self) -> BreakerEvaluator:
        """A new one each time, as after a restart."""
        return BreakerEvaluator(
            db=self.desk.db,
            account=ACCOUNT,
            symbols=("BTCUSDT",),
            market=self.desk.market,
            limits=self.desk.limits,
            clock=self.desk.clock,
            production=self.production,
            stop=lambda reason, flatten: self.stops.append((reason, flatten)),
        )

    def look(self, times: int = 1, seconds: float = 3) -> BreakerReport:
        for _ in range(times):
            self.desk.pass_time(seconds)
            report = self.evaluator().evaluate()
            assert report is not None
        return report

    def equity(self, equity: str, times: int = 3) -> BreakerReport:
        found = replace(self.desk.exchange.wallet(), equity=D(equity))
        self.desk.exchange.wallet = lambda: found  # type: ignore[method-assign]
        return self.look(times)

    def rules(self, **changes: Any) -> None:
        self.desk.limits.change(breakers=replace(self.desk.limits.value.breakers, **changes))

    def row(
        self, kind: str, scope: tuple[ScopeKind, str] = (ScopeKind.ACCOUNT, ACCOUNT)
    ) -> BreakerRow:
        with self.desk.db.reading() as session:
            return session.get_one(BreakerRow, (*scope, kind))

    def trips(self) -> list[BreakerTripRow]:
        with self.desk.db.reading() as session:
            return list(session.scalars(select(BreakerTripRow).order_by(BreakerTripRow.trip_id)))

    def tripped(self) -> set[str]:
        with self.desk.db.reading() as session:
            return set(session.scalars(select(BreakerRow.kind).where(BreakerRow.tripped)))


@pytest.fixture
def watch(desk: Desk) -> Watch:
    watch = Watch(desk)
    watch.equity("100000")
    return watch


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


def trade(desk: Desk, request_id: str, side: str, price: str) -> None:
    desk.pass_time(1)
    desk.approve(request_id, side=side, signal_data={"position_size": "1000"})
    desk.send_due()
    fills = desk.exchange.fills
    fills[-1] = replace(fills[-1], price=D(price))
    desk.stream()


def lose_in_a_row(desk: Desk, count: int, name: str = "x") -> None:
    for number in range(count):
        trade(desk, f"buy-{name}-{number}", "buy", "65000")
        trade(desk, f"sell-{name}-{number}", "sell", "64950")


def test_losses_in_a_row_trip_at_their_limit_for_account_and_strategy(watch: Watch) -> None:
    watch.desk.limits.change(max_repeated_orders=100, max_consecutive_losses=3)
    lose_in_a_row(watch.desk, 2)
    watch.look()
    assert watch.tripped() == set()
    lose_in_a_row(watch.desk, 1, "y")
    watch.look()
    assert watch.tripped() == {"consecutive_losses"}
    assert watch.row("consecutive_losses", (ScopeKind.STRATEGY, "test")).tripped


def test_after_a_reset_only_new_losses_count(watch: Watch, recovery: Recovery) -> None:
    watch.desk.limits.change(max_repeated_orders=100, max_consecutive_losses=2)
    lose_in_a_row(watch.desk, 2)
    watch.look()
    strategy = BreakerScope(ScopeKind.STRATEGY, "test")
    for scope in (None, strategy):
        recovery.reset(
            "consecutive_losses", reason="seen", actor="test", authorised=True, scope=scope
        )
    watch.look(2)
    assert watch.tripped() == set()
    assert watch.desk.approve("r-after")["verdict"] != "deny"


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
    assert rows[-1].state == TradingState.HALTED or rows[0].state == TradingState.HALTED


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


def test_where_it_is_allowed_a_breaker_waits_and_recovers_by_steps(watch: Watch) -> None:
    watch.rules(auto_recovery=True, recovery_wait_seconds=10, recovery_step_seconds=6)
    _trip_correlation(watch)
    assert account_state(watch.desk) is REDUCING
    watch.look(3)
    assert account_state(watch.desk) is REDUCING
    watch.look(1)
    assert account_state(watch.desk) is RECOVERING
    shares = []
    for _ in range(3):
        shares.append(watch.row("correlation_breakdown").share)
        watch.look(2)
    assert shares == [D("0.10"), D("0.25"), D("0.50")]
    assert account_state(watch.desk) is ACTIVE
    (ended,) = watch.trips()
    assert ended.resumed_by == "breakers"


def _trip_correlation(watch: Watch) -> None:
    watch.evaluator().note_figures(BarFigures(watch.desk.clock.now(), {}, 0.5))
    watch.look()
    watch.evaluator().note_figures(BarFigures(watch.desk.clock.now(), {}, 0.1))


@pytest.mark.parametrize(("allowed", "production"), [(False, False), (True, True)])
def test_nothing_recovers_in_production_or_where_it_is_forbidden(
    watch: Watch, allowed: bool, production: bool
) -> None:
    watch.rules(auto_recovery=allowed, recovery_wait_seconds=6, escalate_after_minutes=None)
    watch.production = production
    _trip_correlation(watch)
    watch.look(10)
    assert account_state(watch.desk) is REDUCING
    assert watch.tripped() == {"correlation_breakdown"}


def test_a_clock_that_jumps_an_hour_recovers_nothing_early(watch: Watch) -> None:
    watch.rules(auto_recovery=True, recovery_wait_seconds=60)
    _trip_correlation(watch)
    for hours in (1, -1, 1):
        watch.desk.clock.move_to(watch.desk.clock.now() + timedelta(hours=hours))
        report = watch.evaluator().evaluate()
        assert report is not None
    assert account_state(watch.desk) is REDUCING
    assert watch.stops == [], "an hour of the clock is no hour of being tripped"


def test_a_breaker_that_no_condition_judges_waits_for_a_person(watch: Watch) -> None:
    watch.rules(auto_recovery=True, recovery_wait_seconds=3)
    with watch.desk.db.unit_of_work() as uow:
        found = Finding("liquidation", "BTCUSDT", "none", "the exchange closed it")
        trip(uow, ACCOUNT, found, actor="exchange", now=watch.desk.clock.now())
        uow.commit()
    watch.look(10)
    assert watch.tripped() == {"liquidation"}


def test_the_third_trip_within_a_day_halts(watch: Watch, recovery: Recovery) -> None:
    for number in range(3):
        _trip_correlation(watch)
        assert len(watch.stops) == (1 if number == 2 else 0)
        recovery.reset("correlation_breakdown", reason="seen", actor="test", authorised=True)
    assert "tripped 3 times within 24 hours" in watch.stops[0][0]
    assert "halted" in watch.desk.audit_kinds()


def test_an_hour_of_being_tripped_halts_once(watch: Watch) -> None:
    watch.rules(escalate_after_minutes=0.5)
    _trip_correlation(watch)
    watch.look(12)
    ((reason, flatten),) = watch.stops
    assert "has been tripped for 0.5 minutes" in reason
    assert not flatten


def test_a_timed_lock_ends_after_its_time_and_the_same_trades_lock_no_more(watch: Watch) -> None:
    watch.rules(cooldown_minutes=0.5)
    trade(watch.desk, "b-1", "buy", "65000")
    trade(watch.desk, "s-1", "sell", "65100")
    watch.look()
    symbol = (ScopeKind.SYMBOL, "BTCUSDT")
    assert watch.row("cooldown", symbol).tripped
    assert watch.desk.approve("r-locked")["verdict"] == "deny"
    watch.look(15)
    assert not watch.row("cooldown", symbol).tripped
    watch.look(5)
    assert watch.row("cooldown", symbol).count == 1
    assert watch.desk.approve("r-free")["verdict"] != "deny"


def test_churn_locks_the_strategy_that_goes_in_circles(watch: Watch) -> None:
    watch.desk.limits.change(max_repeated_orders=100)
    watch.rules(churn_turnover=D("0.05"))
    lose_in_a_row(watch.desk, 3)
    watch.look()
    assert watch.row("churn", (ScopeKind.STRATEGY, "test")).tripped
    assert account_state(watch.desk) is ACTIVE


def test_a_trip_notes_when_the_account_was_flat(watch: Watch) -> None:
    _trip_correlation(watch)
    watch.look()
    (found,) = watch.trips()
    assert found.flat_at is not None
    assert found.flat_equity == D("100000")


def test_a_second_evaluator_waits_for_nobody(watch: Watch) -> None:
    with watch.desk.db.unit_of_work() as uow:
        assert try_lock_breakers(uow.session, ACCOUNT)
        assert watch.evaluator().evaluate() is None
    assert watch.evaluator().evaluate() is not None


def test_a_state_that_a_person_set_is_no_recoverys_to_end(watch: Watch, desk: Desk) -> None:
    watch.rules(auto_recovery=True, recovery_wait_seconds=0, recovery_step_seconds=1)
    with desk.db.unit_of_work() as uow:
        now = desk.clock.now()
        row = states.lock_state(uow.session, ScopeKind.ACCOUNT, ACCOUNT, now=now, actor="cat")
        said = states.move(row, REDUCING, reason="by hand", actor="operator:cat", now=now)
        uow.audit(ACCOUNT, "state_recorded", f"account:{ACCOUNT}", "operator:cat", said, now)
        uow.commit()
    watch.look(5)
    assert account_state(desk) is REDUCING
