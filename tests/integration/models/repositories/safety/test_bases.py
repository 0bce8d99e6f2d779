"""What losses are measured from is confirmed and knows of cash flows: no withdrawal is a loss."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from bot.clock import FixedClock
from bot.errors import DependencyDown
from bot.safety.monitor import Monitor
from bot.safety.recovery.resetting import Recovery
from console.runtime.vitals.check import check_vitals
from console.runtime.vitals.patient import Patient
from models.database import Database
from models.enums import TradingState
from models.repositories import portfolio
from models.repositories.safety import bases
from models.tables import CashFlowRow, EquityDayRow, EquityRow
from tests.support.accounts.losses import account_state, day, read
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import T0, FakeExchange, prepare

D = Decimal


def cold(desk: Desk) -> None:
    """As if nothing had ever been read."""
    with desk.db.transaction() as session:
        session.query(EquityRow).delete()
        session.query(EquityDayRow).delete()


def to_next_day(desk: Desk) -> None:
    midnight = (desk.clock.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0)
    desk.clock.move_to(midnight)


def test_a_withdrawal_of_eleven_per_cent_denies_nothing(
    desk: Desk, monitor: Monitor, recovery: Recovery
) -> None:
    read(desk, monitor, "99000", "99000", "99000")
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))
    desk.exchange.transfer(D(-11_000))
    read(desk, monitor, *["88000"] * 5)
    assert account_state(desk) is TradingState.ACTIVE
    assert recovery.still_denying() == ()
    assert desk.approve()["verdict"] != "deny"
    # One per cent was lost before, and one per cent is lost after.
    assert (day(desk).start_equity - 88_000) / day(desk).start_equity == pytest.approx(D("0.01"))
    assert desk.audit_kinds().count("cash_flow") == 1
    to_next_day(desk)
    read(desk, monitor, *["88000"] * 3)
    assert recovery.still_denying() == ()


def test_a_deposit_hides_no_loss(desk: Desk, monitor: Monitor) -> None:
    read(desk, monitor, "98000", "98000", "98000")
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))
    desk.exchange.transfer(D(98_000))
    read(desk, monitor, *["196000"] * 3)
    assert account_state(desk) is TradingState.ACTIVE
    read(desk, monitor, *["193900"] * 3)  # 2 % before and 1.07 % since make 3.05 %
    assert account_state(desk) is TradingState.REDUCING


def test_a_flow_that_the_log_shows_late_has_scaled_nothing_twice(
    desk: Desk, monitor: Monitor
) -> None:
    """The log is read after the wallet: a reading that shows the deposit may be older than it."""
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))
    desk.exchange.transfer(D(50_000))
    read(desk, monitor, *["150000"] * 4)
    desk.reconciler.record_wallet()
    assert (day(desk).start_equity, day(desk).peak_equity) == (150_000, 150_000)


def test_one_wrong_first_reading_does_not_disarm_the_loss_limit(
    desk: Desk, monitor: Monitor
) -> None:
    cold(desk)
    read(desk, monitor, "60000", "100000", "100000", "100000")
    assert (day(desk).start_equity, day(desk).start_confirmed) == (100_000, True)
    read(desk, monitor, "62000", "62000", "62000")
    assert account_state(desk) is TradingState.REDUCING


def test_one_wrong_first_reading_does_not_deny_for_good(
    desk: Desk, monitor: Monitor, recovery: Recovery
) -> None:
    cold(desk)
    read(desk, monitor, "160000")
    read(desk, monitor, "100000", "100000", "100000")
    assert account_state(desk) is TradingState.ACTIVE
    assert recovery.still_denying() == ()
    assert day(desk).peak_equity == 100_000


def test_a_wrong_first_reading_after_midnight_changes_nothing(desk: Desk, monitor: Monitor) -> None:
    read(desk, monitor, "100000")
    desk.clock.move_to(T0.replace(hour=23, minute=59, second=50))
    read(desk, monitor, "100000", "100000", "100000")
    read(desk, monitor, "62000")
    assert day(desk).day == "2026-11-24"
    assert day(desk).start_equity == 100_000
    read(desk, monitor, "62000", "62000")
    assert account_state(desk) is TradingState.REDUCING


def test_a_peak_is_never_one_bad_tick(desk: Desk, monitor: Monitor) -> None:
    read(desk, monitor, "100000", "150000", "100000", "100000", "101000", "101000", "101000")
    assert day(desk).peak_equity == 101_000


def test_while_the_log_is_away_losses_still_trip_after_a_minute(
    desk: Desk, monitor: Monitor
) -> None:
    read(desk, monitor, *["100000"] * 3)

    def away(*, since: object) -> list[object]:
        raise DependencyDown("no transaction log")

    desk.exchange.cash_flows = away  # type: ignore[method-assign,assignment]
    read(desk, monitor, *["90000"] * 3)
    assert account_state(desk) is TradingState.ACTIVE
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=60))
    read(desk, monitor, *["90000"] * 3)
    assert account_state(desk) is TradingState.REDUCING


def test_a_drawdown_has_a_way_back(desk: Desk, monitor: Monitor, recovery: Recovery) -> None:
    desk.limits.change(max_daily_loss_share=D("0.5"), max_rolling_loss_share=D("0.5"))
    read(desk, monitor, *["85000"] * 3)
    assert [line.split(":")[0] for line in recovery.still_denying()] == ["drawdown"]
    report = recovery.reset("drawdown", reason="a new mandate", actor="test", authorised=True)
    assert report.still == ()
    assert desk.approve()["verdict"] == "allow"


def a_second_later(desk: Desk) -> None:
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))


def flow(desk: Desk) -> CashFlowRow:
    with desk.db.reading() as session:
        return session.scalars(select(CashFlowRow)).one()


def test_half_the_account_withdrawn_in_another_coin_trips_nothing(
    desk: Desk, monitor: Monitor, recovery: Recovery
) -> None:
    desk.exchange.prices["BTC"] = D(100_000)
    read(desk, monitor, *["100000"] * 3)
    a_second_later(desk)
    desk.exchange.transfer(D("-0.5"), "BTC")
    read(desk, monitor, *["50000"] * 5)
    assert account_state(desk) is TradingState.ACTIVE
    assert recovery.still_denying() == ()
    assert desk.approve()["verdict"] != "deny"
    assert (day(desk).start_equity, day(desk).peak_equity) == (50_000, 50_000)
    stored = flow(desk)
    assert (stored.price, stored.price_source) == (100_000, "fake BTCUSDT")
    assert stored.value == -50_000


def test_a_deposit_of_another_coin_hides_no_loss_of_five_per_cent(
    desk: Desk, monitor: Monitor
) -> None:
    desk.exchange.prices["BTC"] = D(100_000)
    read(desk, monitor, *["100000"] * 3)
    a_second_later(desk)
    desk.exchange.transfer(D(1), "BTC")
    read(desk, monitor, *["200000"] * 3)
    assert account_state(desk) is TradingState.ACTIVE
    read(desk, monitor, *["190000"] * 3)
    assert account_state(desk) is TradingState.REDUCING


def test_a_coin_that_equity_does_not_count_scales_nothing(desk: Desk, monitor: Monitor) -> None:
    """In isolated margin the settle coin alone is equity: no withdrawal of BTC makes room."""
    desk.exchange.prices["BTC"] = D(100_000)
    wallet = replace(desk.exchange.wallet(), settle_coin_only=True)
    desk.exchange.wallet = lambda: wallet  # type: ignore[method-assign]
    read(desk, monitor, *["100000"] * 3)
    a_second_later(desk)
    desk.exchange.transfer(D("-0.5"), "BTC")
    read(desk, monitor, *["100000"] * 3)
    assert day(desk).start_equity == 100_000
    assert flow(desk).value == 0


def test_a_deposit_without_a_price_is_all_that_the_account_rose_by(
    desk: Desk, monitor: Monitor
) -> None:
    read(desk, monitor, *["100000"] * 3)
    a_second_later(desk)
    desk.exchange.transfer(D(1000), "ODD")
    read(desk, monitor, *["200000"] * 3)
    assert (day(desk).start_equity, day(desk).peak_equity) == (200_000, 200_000)
    assert "cash_flow_settled" in desk.audit_kinds()
    read(desk, monitor, *["190000"] * 3)
    assert account_state(desk) is TradingState.REDUCING


def test_a_deposit_without_a_price_that_shows_nowhere_scales_nothing(
    desk: Desk, monitor: Monitor
) -> None:
    read(desk, monitor, *["100000"] * 3)
    a_second_later(desk)
    desk.exchange.transfer(D(1000), "ODD")
    read(desk, monitor, *["99000"] * 6)
    assert day(desk).start_equity == 100_000
    assert desk.audit_kinds().count("cash_flow_settled") == 1


def test_a_withdrawal_without_a_price_counts_as_lost_and_is_named(
    desk: Desk, monitor: Monitor
) -> None:
    read(desk, monitor, *["100000"] * 3)
    a_second_later(desk)
    desk.exchange.transfer(D(-1000), "ODD")
    read(desk, monitor, *["90000"] * 3)
    assert account_state(desk) is TradingState.REDUCING
    with desk.db.reading() as session:
        patient = Patient(session, ACCOUNT, (), desk.clock.now(), {})
        problem = next(v.problem for v in check_vitals(patient) if v.name == "worth of cash flows")
    assert problem is not None and "-1000 ODD" in problem


def test_bases_are_kept_in_rows(db: Database) -> None:
    """Another process confirms what this one has read."""
    clock = FixedClock(T0)
    prepare(db, FakeExchange(clock), ACCOUNT, T0)
    with db.transaction() as session:
        session.query(EquityRow).delete()
        session.query(EquityDayRow).delete()
    for number in range(3):
        with db.transaction() as session:
            portfolio.record_equity(
                session,
                ACCOUNT,
                T0 + timedelta(seconds=number),
                equity=D(100),
                wallet_balance=D(100),
                available=D(100),
                unrealised_pnl=D(0),
            )
            session.flush()
            found = bases.confirm(session, ACCOUNT, T0 + timedelta(seconds=number))
            assert found is not None
            assert found.start_confirmed is (number == 2)
