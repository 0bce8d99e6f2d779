"""How a breaker recovers, waits for a person, or asks for the emergency stop."""

from datetime import timedelta

import pytest

from bot.safety.recovery.resetting import Recovery
from bot.state.breakers import Finding, trip
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states
from tests.support.accounts.breakers import D, Watch, trip_correlation
from tests.support.accounts.losses import account_state
from tests.support.desk import ACCOUNT, Desk

ACTIVE, REDUCING, RECOVERING = TradingState.ACTIVE, TradingState.REDUCING, TradingState.RECOVERING


def test_where_it_is_allowed_a_breaker_waits_and_recovers_by_steps(watch: Watch) -> None:
    watch.rules(auto_recovery=True, recovery_wait_seconds=10, recovery_step_seconds=6)
    trip_correlation(watch)
    assert account_state(watch.desk) is REDUCING
    watch.look(3)
    assert account_state(watch.desk) is REDUCING
    watch.look(1)
    assert account_state(watch.desk) is RECOVERING
    shares = []
    for number in range(3):
        shares.append(watch.row("correlation_breakdown").share)
        watch.desk.approve(f"r-{number}")
        assert watch.desk.parent(f"r-{number}").approved_qty > 0
        watch.look(2)
    assert shares == [D("0.10"), D("0.25"), D("0.50")]
    assert account_state(watch.desk) is ACTIVE
    (ended,) = watch.trips()
    assert ended.resumed_by == "breakers"


@pytest.mark.parametrize(("allowed", "production"), [(False, False), (True, True)])
def test_nothing_recovers_in_production_or_where_it_is_forbidden(
    watch: Watch, allowed: bool, production: bool
) -> None:
    watch.rules(auto_recovery=allowed, recovery_wait_seconds=6, escalate_after_minutes=None)
    watch.production = production
    trip_correlation(watch)
    watch.look(10)
    assert account_state(watch.desk) is REDUCING
    assert watch.tripped() == {"correlation_breakdown"}


def test_a_clock_that_jumps_an_hour_recovers_nothing_early(watch: Watch) -> None:
    watch.rules(auto_recovery=True, recovery_wait_seconds=60)
    trip_correlation(watch)
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
        trip_correlation(watch)
        assert len(watch.stops) == (1 if number == 2 else 0)
        recovery.reset("correlation_breakdown", reason="seen", actor="test", authorised=True)
    assert "tripped 3 times within 24 hours" in watch.stops[0][0]
    assert "halted" in watch.desk.audit_kinds()


def test_an_hour_of_being_tripped_halts_once(watch: Watch) -> None:
    watch.rules(escalate_after_minutes=0.5)
    trip_correlation(watch)
    watch.look(12)
    ((reason, flatten),) = watch.stops
    assert "has been tripped for 0.5 minutes" in reason
    assert not flatten


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
