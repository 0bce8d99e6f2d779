"""Cash flows are valued at their time, and waited for while they have no price."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from bot.errors import DependencyDown
from bot.safety.monitor import Monitor
from models.enums import TradingState
from models.tables import CashFlowRow
from tests.support.accounts.losses import account_state, day, read
from tests.support.desk import Desk

D = Decimal


def a_second_later(desk: Desk) -> None:
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))


def flow(desk: Desk) -> CashFlowRow:
    with desk.db.reading() as session:
        return session.scalars(select(CashFlowRow)).one()


def test_the_price_is_that_of_the_flows_time_and_asked_for_once(
    desk: Desk, monitor: Monitor
) -> None:
    desk.exchange.prices["BTC"] = D(50_000)
    a_second_later(desk)
    desk.exchange.transfer(D(1), "BTC")
    came = desk.clock.now()
    read(desk, monitor, *["150000"] * 3)
    desk.exchange.prices["BTC"] = D(60_000)
    read(desk, monitor, *["160000"] * 3)
    assert desk.exchange.prices_asked == [("BTC", came)]
    assert flow(desk).value == 50_000


def test_a_price_that_cannot_be_asked_for_now_is_asked_for_later(
    desk: Desk, monitor: Monitor
) -> None:
    """Until then no reading counts, for a minute; other flows are booked."""
    desk.exchange.prices["BTC"] = D(100_000)
    read(desk, monitor, *["100000"] * 3)
    a_second_later(desk)
    desk.exchange.transfer(D("-0.3"), "BTC")
    desk.exchange.transfer(D(-10_000))
    desk.exchange.price_faults = [DependencyDown("no prices")] * 3
    read(desk, monitor, *["60000"] * 3)
    assert account_state(desk) is TradingState.ACTIVE
    assert desk.audit_kinds().count("cash_flow") == 1
    read(desk, monitor, *["60000"] * 3)
    assert account_state(desk) is TradingState.ACTIVE
    assert desk.audit_kinds().count("cash_flow") == 2
    assert day(desk).start_equity == pytest.approx(D(60_000), abs=D("0.01"))


def test_a_price_that_never_comes_is_waited_for_ten_minutes(desk: Desk, monitor: Monitor) -> None:
    """Then the flow is booked as one that nobody can value, and the log counts as read again."""
    read(desk, monitor, *["100000"] * 3)
    a_second_later(desk)
    desk.exchange.transfer(D(1), "BTC")
    desk.exchange.price_faults = [DependencyDown("an unreadable kline")] * 1000
    read(desk, monitor, *["200000"] * 3)
    assert desk.audit_kinds().count("cash_flow") == 0
    desk.pass_time(600)
    read(desk, monitor, *["200000"] * 3)
    assert flow(desk).value is None
    assert day(desk).start_equity == 200_000
    assert day(desk).flows_read_at == desk.clock.now()


def test_without_a_market_a_coin_is_worth_what_the_wallet_counts_it_as(
    desk: Desk, monitor: Monitor
) -> None:
    wallet = replace(desk.exchange.wallet(), prices={"ODD": D(20)})
    desk.exchange.wallet = lambda: wallet  # type: ignore[method-assign]
    read(desk, monitor, *["100000"] * 3)
    a_second_later(desk)
    desk.exchange.transfer(D(1000), "ODD")
    read(desk, monitor, *["120000"] * 3)
    assert day(desk).start_equity == 120_000
    assert flow(desk).price_source == "wallet"
