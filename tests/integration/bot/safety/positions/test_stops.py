"""A stop rests at the exchange for every open position; what goes wrong with it closes the
position."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Thread

import pytest
from sqlalchemy import select

from bot.errors import ExchangeRefused, OutcomeUnknown, Throttled
from bot.exchange.protocol import ExchangeOrder
from bot.execution.orders.identity import is_protective_stop
from bot.safety.halting.calling_back import call_back
from bot.safety.positions.conditions import Cause
from bot.safety.positions.monitor import PositionMonitor
from bot.safety.positions.stops import ProtectiveStops
from models.enums import StopState
from models.tables import BreakerRow, PositionExitRow, ProtectiveStopRow
from tests.support.accounts.watched import enter, price
from tests.support.desk import Desk

D = Decimal


@pytest.fixture
def stops(desk: Desk) -> ProtectiveStops:
    return ProtectiveStops(desk.deps, desk.limits, desk.rate_limiter)


def rows(desk: Desk) -> list[ProtectiveStopRow]:
    with desk.db.reading() as session:
        return list(session.scalars(select(ProtectiveStopRow).order_by(ProtectiveStopRow.number)))


def states(desk: Desk) -> list[StopState]:
    return [row.state for row in rows(desk)]


def at_exchange(desk: Desk) -> list[ExchangeOrder]:
    return list(desk.exchange.conditional_orders())


def entries_are_stopped(desk: Desk) -> bool:
    """The breaker of the symbol alone is tripped, and denies what adds."""
    with desk.db.reading() as session:
        tripped = list(session.scalars(select(BreakerRow).where(BreakerRow.tripped)))
    assert [(row.scope_kind, row.scope_key) for row in tripped] == [("symbol", "BTCUSDT")]
    return bool(desk.approve("r-more")["verdict"] == "deny")


def exits(desk: Desk) -> list[str]:
    with desk.db.reading() as session:
        return list(session.scalars(select(PositionExitRow.cause)))


@pytest.mark.parametrize(("side", "trigger"), [("buy", "61750"), ("sell", "68250")])
def test_a_stop_rests_beside_the_position_and_goes_with_it(
    desk: Desk, stops: ProtectiveStops, side: str, trigger: str
) -> None:
    enter(desk, side=side)
    stops.guard()
    (order,) = at_exchange(desk)
    assert is_protective_stop(order.order_link_id)
    assert (order.reduce_only, order.trigger_price) == (True, D(trigger))
    assert order.side.value != side
    assert states(desk) == [StopState.RESTING]
    stops.guard()
    assert len(at_exchange(desk)) == 1
    closing = {"position_size": "9000", "reduce_only": True}
    enter(desk, "r-2", side="sell" if side == "buy" else "buy", signal_data=closing)
    assert desk.position() == 0
    stops.guard()
    stops.guard()
    assert at_exchange(desk) == []
    assert states(desk) == [StopState.ENDED]


def test_a_tighter_stop_of_the_strategy_is_the_trigger(desk: Desk, stops: ProtectiveStops) -> None:
    enter(desk, signal_data={"stop_price": "64000"})
    stops.guard()
    assert [order.trigger_price for order in at_exchange(desk)] == [D(64000)]


def test_a_looser_stop_of_the_strategy_is_not(desk: Desk, stops: ProtectiveStops) -> None:
    enter(desk, signal_data={"stop_price": "50000"})
    stops.guard()
    assert [order.trigger_price for order in at_exchange(desk)] == [D(61750)]


def test_the_new_stop_rests_before_the_old_one_is_cancelled(
    desk: Desk, stops: ProtectiveStops
) -> None:
    enter(desk)
    stops.guard()
    (old,) = at_exchange(desk)
    rules = replace(desk.limits.value.positions, stop_loss=D("0.04"))
    desk.limits.change(positions=rules)
    desk.exchange.faults.append((Throttled("busy", after_seconds=1), False))
    stops.guard()
    # The new one was not taken: the old one still protects.
    assert [order.order_link_id for order in at_exchange(desk)] == [old.order_link_id]
    stops.guard()
    stops.guard()
    assert [order.trigger_price for order in at_exchange(desk)] == [D(62400)]


def test_switched_off_nothing_rests(desk: Desk, stops: ProtectiveStops) -> None:
    enter(desk)
    stops.guard()
    off = replace(desk.limits.value.positions, protective_stops=False)
    desk.limits.change(positions=off)
    stops.guard()
    stops.guard()
    assert at_exchange(desk) == []


def test_many_processes_place_one_stop(desk: Desk, stops: ProtectiveStops) -> None:
    enter(desk)
    threads = [Thread(target=stops.guard) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stops.guard()
    assert len(at_exchange(desk)) == 1


def test_a_lost_answer_places_no_second_stop(desk: Desk, stops: ProtectiveStops) -> None:
    enter(desk)
    desk.exchange.faults.append((OutcomeUnknown("no answer"), True))
    stops.guard()
    assert states(desk) == [StopState.PLACING]
    stops.guard()
    assert states(desk) == [StopState.RESTING]
    assert len(at_exchange(desk)) == 1


def test_a_refused_stop_closes_the_position_and_stops_entries(
    desk: Desk, stops: ProtectiveStops, watching: PositionMonitor
) -> None:
    enter(desk)
    desk.exchange.faults.append((ExchangeRefused(110013, "no"), False))
    stops.guard()
    assert entries_are_stopped(desk)
    assert watching.look() == 1
    assert exits(desk) == [Cause.STOP_FAILED]
    desk.send_due()
    desk.stream()
    assert desk.position() == 0


@pytest.mark.parametrize("effect", [True, False])
def test_a_stop_that_is_not_listed_in_time_closes_the_position(
    desk: Desk, stops: ProtectiveStops, watching: PositionMonitor, effect: bool
) -> None:
    enter(desk)
    desk.exchange.faults.append((OutcomeUnknown("no answer"), effect))
    desk.exchange.visible = False
    stops.guard()
    desk.pass_time(2.9)
    stops.guard()
    assert watching.look() == 0
    desk.pass_time(0.1)
    stops.guard()
    assert entries_are_stopped(desk)
    assert watching.look() == 1
    desk.send_due()
    desk.stream()
    assert desk.position() == 0
    # Should it turn up, it is cancelled.
    desk.exchange.visible = True
    for _ in range(3):
        desk.pass_time(5)
        stops.guard()
    assert at_exchange(desk) == []
    assert states(desk) == [StopState.ENDED]


def test_a_stop_that_nobody_takes_closes_the_position_after_three_seconds(
    desk: Desk, stops: ProtectiveStops, watching: PositionMonitor
) -> None:
    enter(desk)
    for _ in range(4):
        desk.exchange.faults.append((Throttled("busy", after_seconds=1), False))
        stops.guard()
        desk.pass_time(1)
    assert states(desk) == [StopState.ENDED] * 4
    assert watching.look() == 1


def test_a_stop_that_somebody_removed_is_placed_again(desk: Desk, stops: ProtectiveStops) -> None:
    enter(desk)
    stops.guard()
    (order,) = at_exchange(desk)
    desk.exchange.cancel(order.symbol, order.order_link_id)
    desk.pass_time(5)
    stops.guard()
    (again,) = at_exchange(desk)
    assert again.order_link_id != order.order_link_id


def test_a_triggered_stop_closes_and_our_own_exit_leaves_it_time(
    desk: Desk, stops: ProtectiveStops, watching: PositionMonitor
) -> None:
    enter(desk)
    watching.look()
    stops.guard()
    price(desk, "0.95")
    assert watching.look() == 0
    (order,) = at_exchange(desk)
    desk.exchange.trigger(order.order_link_id)
    desk.stream()
    assert desk.position() == 0
    assert (watching.look(), exits(desk)) == (0, [])
    stops.guard()
    assert states(desk) == [StopState.ENDED]
    assert "protective_stop_fill" in desk.audit_kinds()
    assert "foreign_fill" not in desk.audit_kinds()


def test_a_stop_that_does_not_trigger_is_followed_by_an_exit(
    desk: Desk, stops: ProtectiveStops, watching: PositionMonitor
) -> None:
    enter(desk)
    stops.guard()
    price(desk, "0.949")
    assert watching.look() == 0
    desk.pass_time(4.9)
    assert watching.look() == 0
    desk.pass_time(0.1)
    assert watching.look() == 1
    assert exits(desk) == [Cause.STOP_FAILED]
    desk.send_due()
    desk.stream()
    assert desk.position() == 0


def test_a_stop_that_triggers_and_does_not_fill_is_followed_by_an_exit(
    desk: Desk, stops: ProtectiveStops, watching: PositionMonitor
) -> None:
    enter(desk)
    watching.look()
    stops.guard()
    price(desk, "0.949")
    watching.look()
    (order,) = at_exchange(desk)
    desk.exchange.end(order.order_link_id)
    desk.pass_time(5)
    stops.guard()
    assert at_exchange(desk) == []
    assert watching.look() == 1
    desk.send_due()
    desk.stream()
    assert desk.position() == 0


def test_a_halt_leaves_stops_and_reconciliation_takes_them_for_nobodys(
    desk: Desk, stops: ProtectiveStops
) -> None:
    enter(desk)
    stops.guard()
    call_back(desk.exchange, everything=True, exits=True, problem=lambda _: None)
    assert len(at_exchange(desk)) == 1
    report = desk.reconciler.reconcile_account()
    assert (report.foreign_orders, report.orphans) == ((), ())
    (order,) = at_exchange(desk)
    # For a moment after its trigger it is an order like others.
    desk.exchange.reopen(order.order_link_id)
    assert desk.reconciler.reconcile_account().foreign_orders == ()


def test_a_stop_without_a_row_is_cancelled_when_it_is_old(
    desk: Desk, stops: ProtectiveStops
) -> None:
    enter(desk)
    stops.guard()
    (order,) = at_exchange(desk)
    with desk.db.transaction() as session:
        row = session.scalars(select(ProtectiveStopRow)).one()
        row.state = StopState.ENDED
    assert stops.cancel_strangers() == 0
    desk.pass_time(timedelta(seconds=30).total_seconds())
    assert stops.cancel_strangers() == 1
    assert desk.exchange.cancel_requests == [order.order_link_id]
