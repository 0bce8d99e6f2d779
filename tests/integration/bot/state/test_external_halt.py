"""Others act on the account: entries stop until a person looks, exits go on."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.execution.orders import reasons
from bot.safety.monitor import Monitor
from bot.state import external_halt
from models.enums import OrderStatus, ScopeKind, TradeSide, TradingState, VenueReason
from models.repositories.safety import states
from models.tables import BreakerRow
from tests.support.accounts.losses import account_state
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

RESTING = {"position_size": "3000", "algorithm": "iceberg", "horizon_seconds": 120}


def breaker(desk: Desk) -> BreakerRow | None:
    with desk.db.reading() as session:
        return session.get(BreakerRow, (ScopeKind.ACCOUNT, ACCOUNT, external_halt.KIND))


def cancel_by_hand(desk: Desk) -> None:
    (order,) = desk.exchange.open_orders()
    desk.exchange.cancel(order.symbol, order.order_link_id)
    desk.stream()


def rest(desk: Desk) -> None:
    desk.approve(signal_data=RESTING)
    desk.step()
    desk.stream()


def test_a_cancel_that_is_not_ours_stops_entries_and_exits_go_on(desk: Desk) -> None:
    desk.approve("r-0", signal_data={"position_size": "3000"})
    desk.send_due()
    desk.stream()
    rest(desk)
    cancel_by_hand(desk)
    found = breaker(desk)
    assert found is not None
    assert found.tripped
    assert found.value is not None
    assert found.value in found.reason
    assert account_state(desk) is TradingState.REDUCING
    assert reasons.CANCELLED_AT_EXCHANGE.words in desk.audit_kinds()
    assert desk.audit_kinds().count("breaker_tripped") == 1
    assert desk.approve("r-add")["verdict"] == "deny"
    exit_data = {"position_size": "1000", "reduce_only": True}
    assert desk.approve("r-out", side="sell", signal_data=exit_data)["verdict"] == "allow"


def test_our_own_cancel_is_no_external_halt(desk: Desk) -> None:
    rest(desk)
    desk.pass_time(200)
    for _ in range(3):
        desk.step()
        desk.stream()
    assert desk.exchange.open_orders() == []
    assert breaker(desk) is None


@pytest.mark.parametrize("reason", [VenueReason.DISCONNECTED, VenueReason.MARGIN])
def test_a_cancel_of_the_exchange_is_no_external_halt(desk: Desk, reason: VenueReason) -> None:
    rest(desk)
    (order,) = desk.exchange.open_orders()
    desk.exchange.cancel(order.symbol, order.order_link_id)
    ended = desk.exchange.find_order(order.symbol, order.order_link_id)
    assert ended is not None
    desk.fill_book.apply_order(replace(ended, reason=reason), desk.clock.now())
    assert desk.children()[0].venue_reason is reason
    assert breaker(desk) is None


def test_the_cancels_of_a_halt_trip_nothing(desk: Desk) -> None:
    rest(desk)
    desk.trading_halt.halt(reason="test", actor="me", cancel=True, everything=True)
    desk.stream()
    assert desk.exchange.open_orders() == []
    assert breaker(desk) is None
    with desk.db.reading() as session:
        assert {row.state for row in states.all_states(session)} == {TradingState.HALTED}


@pytest.mark.parametrize("stops", [True, False])
def test_orders_of_others_stop_entries_where_the_limits_say_so(
    desk: Desk, monitor: Monitor, stops: bool
) -> None:
    desk.limits.change(
        working=replace(desk.limits.limits().working, foreign_orders_stop_entries=stops)
    )
    desk.exchange.somebody_elses(
        "by-hand", side=TradeSide.BUY, qty=Decimal(1), status=OrderStatus.OPEN
    )
    for _ in range(2):
        monitor.judge_reconciliation(desk.reconciler.reconcile_account())
    assert account_state(desk) is (TradingState.REDUCING if stops else TradingState.ACTIVE)
    assert desk.audit_kinds().count("breaker_tripped") == (1 if stops else 0)
    assert desk.audit_kinds().count("foreign_orders") == 1
