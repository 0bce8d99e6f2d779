"""The triggers of the emergency stop on real rows: latched with what completes them, once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from bot.safety.emergency.trigger_rows import CLEARED, TRIGGERED
from bot.safety.emergency.triggers import TriggerKind
from bot.safety.monitor import Monitor
from bot.state.breakers import BreakerScope, Finding, trip
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import AuditRow, EmergencyTriggerRow
from tests.support.accounts.breakers import Watch, lose_in_a_row
from tests.support.desk import ACCOUNT, Desk

MODEL = "model_performance_degraded"


def emergency(watch: Watch, **changes: Any) -> None:
    limits = watch.desk.limits
    limits.change(emergency=replace(limits.value.emergency, **changes))


def global_state(desk: Desk) -> TradingState:
    with desk.db.reading() as session:
        rows = states.all_states(session)
    return next(TradingState(row.state) for row in rows if row.scope_kind == ScopeKind.GLOBAL)


def tripped(watch: Watch, kind: str, scope: BreakerScope) -> None:
    with watch.desk.db.unit_of_work() as uow:
        found = Finding(kind, "1", "0", "a test's", scope)
        trip(uow, ACCOUNT, found, actor="test", now=watch.desk.clock.now())
        uow.commit()


def row(watch: Watch, kind: TriggerKind) -> EmergencyTriggerRow:
    with watch.desk.db.reading() as session:
        return session.get_one(EmergencyTriggerRow, kind)


def strategy(name: str) -> BreakerScope:
    return BreakerScope(ScopeKind.STRATEGY, name)


def resume(watch: Watch) -> None:
    watch.desk.trading_halt.resume(reason="seen", actor="test", development=True)


def test_the_third_kind_of_breaker_halts_with_value_threshold_and_since(watch: Watch) -> None:
    begun = watch.desk.clock.now()
    for kind in ("churn", "correlation_breakdown"):
        tripped(watch, kind, strategy("one"))
    watch.look()
    assert global_state(watch.desk) is TradingState.ACTIVE
    tripped(watch, "data_quality_issue", BreakerScope(ScopeKind.SYMBOL, "BTCUSDT"))
    report = watch.look()
    assert global_state(watch.desk) is TradingState.HALTED
    assert report.stopped is not None
    assert "3 kinds of breaker tripped (churn, correlation_breakdown, data_quality_issue)" in (
        report.stopped
    )
    assert not report.flatten
    found = row(watch, TriggerKind.SEVERAL_BREAKERS)
    assert (found.threshold, found.since, found.count) == ("3 within 15 minutes", begun, 1)
    with watch.desk.db.reading() as session:
        (entry,) = session.scalars(select(AuditRow).where(AuditRow.kind == TRIGGERED)).all()
        (halted,) = session.scalars(select(AuditRow).where(AuditRow.kind == "halted")).all()
    assert entry.payload["trigger"] == "several_breakers"
    assert entry.payload["threshold"] == "3 within 15 minutes"
    assert entry.payload["since"] == begun.isoformat()
    assert entry.at == halted.at


def test_a_stop_is_told_once_and_begins_anew_after_a_persons_recovery(watch: Watch) -> None:
    for kind in ("churn", "correlation_breakdown", "data_quality_issue"):
        tripped(watch, kind, strategy("one"))
    watch.look(4)
    assert len(watch.stops) == 1
    resume(watch)
    watch.look(4)
    assert global_state(watch.desk) is TradingState.ACTIVE
    kinds = watch.desk.audit_kinds()
    assert (kinds.count(TRIGGERED), kinds.count(CLEARED)) == (1, 1)
    for kind in ("churn", "correlation_breakdown", "data_quality_issue"):
        tripped(watch, kind, strategy("another"))
    watch.look()
    assert global_state(watch.desk) is TradingState.HALTED
    assert row(watch, TriggerKind.SEVERAL_BREAKERS).count == 2


def test_models_of_several_strategies_halt_and_one_models_does_not(watch: Watch) -> None:
    tripped(watch, MODEL, strategy("one"))
    watch.look()
    assert global_state(watch.desk) is TradingState.ACTIVE
    tripped(watch, MODEL, strategy("two"))
    watch.look()
    assert global_state(watch.desk) is TradingState.HALTED
    assert "2 strategies are stopped for their models (one, two)" in watch.stops[0][0]


def test_the_accounts_losing_streak_halts_where_the_limits_say_so(watch: Watch) -> None:
    watch.desk.limits.change(max_consecutive_losses=2)
    emergency(watch, losing_streak_halts=False)
    lose_in_a_row(watch.desk, 2)
    watch.look()
    assert global_state(watch.desk) is TradingState.ACTIVE
    assert "consecutive_losses" in watch.tripped()
    emergency(watch, losing_streak_halts=True)
    watch.look()
    assert global_state(watch.desk) is TradingState.HALTED
    assert "losing_streak: 2 losing trades in a row" in watch.stops[0][0]


def test_an_exchange_without_a_word_halts_at_its_deadline_and_any_word_begins_anew(
    watch: Watch,
) -> None:
    emergency(watch, exchange_lost_seconds=30)
    monitor = Monitor(watch.desk.db, ACCOUNT, watch.desk.limits, watch.desk.clock)

    def silence(seconds: float) -> None:
        for _ in range(int(seconds / 3)):
            clock = watch.desk.clock
            clock.move_to(clock.now() + timedelta(seconds=3))
            watch.evaluator().evaluate()

    for sign in (
        lambda: monitor.heartbeat("reconciliation", 1),
        lambda: monitor.heartbeat("feed", 1, {"private": "live"}),
        lambda: watch.desk.pass_time(3),
    ):
        silence(24)
        sign()
    silence(24)
    # A feed whose account stream is away is no sign, and neither is a clock that jumps.
    monitor.heartbeat("feed", 1, {"private": "waiting"})
    watch.desk.clock.move_to(watch.desk.clock.now() - timedelta(hours=1))
    silence(3)
    assert global_state(watch.desk) is TradingState.ACTIVE
    silence(12)
    assert global_state(watch.desk) is TradingState.HALTED
    assert row(watch, TriggerKind.EXCHANGE_LOST).fired_at is not None
    assert "the exchange has said nothing about the account for 3" in watch.stops[0][0]


def test_an_account_that_trades_well_has_rows_and_no_stop(watch: Watch) -> None:
    watch.look(20)
    assert watch.stops == []
    for kind in (
        TriggerKind.SEVERAL_BREAKERS,
        TriggerKind.LOSING_STREAK,
        TriggerKind.FAILING_MODELS,
        TriggerKind.EXCHANGE_LOST,
    ):
        assert row(watch, kind).fired_at is None
