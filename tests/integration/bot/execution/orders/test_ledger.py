"""Facts from the exchange in any order and any number give the same books."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from bot.errors import DependencyDown, OutcomeUnknown
from bot.exchange.protocol import ExchangePosition, UnreadableFact
from bot.execution.sending.sender import SendResult
from models.enums import (
    ChildState,
    ExecutionStatus,
    OrderStatus,
    ParentState,
    ReservationState,
    TradeSide,
)
from models.tables import ChildOrderRow, PositionRow, TradeRequestRow, UnreadableFactRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import PRICE

D = Decimal


def sent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)


def test_an_execution_counts_once_however_often_it_is_reported(desk: Desk) -> None:
    sent(desk)
    for _ in range(3):
        desk.stream()
    desk.reconciler.reconcile_account()
    assert desk.position() == desk.parent().approved_qty
    desk.check_balance()


def test_a_final_record_before_its_fills_waits_for_them(desk: Desk) -> None:
    sent(desk)
    (order,) = desk.exchange.orders.values()
    desk.fill_book.apply_order(order, desk.clock.now())
    assert desk.child().state == ChildState.WORKING
    (execution,) = desk.exchange.fills
    desk.fill_book.apply_execution(execution, desk.clock.now(), source="stream")
    assert desk.child().state == ChildState.FILLED


def test_a_fill_before_the_stored_ack_is_kept(desk: Desk) -> None:
    desk.approve()

    def fill_first() -> None:
        desk.exchange._take(desk.child().body or {})
        desk.stream()
        desk.exchange._take = lambda body: None  # type: ignore[method-assign]

    desk.exchange.before_post = fill_first
    desk.send(desk.child().child_id)
    assert desk.child().state == ChildState.FILLED
    assert desk.parent().state == ParentState.COMPLETED
    desk.check_balance()


def test_a_final_state_never_goes_back_to_open(desk: Desk) -> None:
    sent(desk)
    desk.stream()
    (order,) = desk.exchange.orders.values()
    opened = replace(order, status=OrderStatus.OPEN, filled_qty=D(0), raw_status="New")
    desk.fill_book.apply_order(opened, desk.clock.now())
    assert desk.child().state == ChildState.FILLED


def test_fills_missed_by_the_stream_are_found_by_reconciling(desk: Desk) -> None:
    sent(desk)
    report = desk.reconciler.reconcile_account()
    assert report.new_fills == 1
    assert report.position_differences == {}
    assert desk.position() == desk.parent().approved_qty


def test_a_position_that_differs_from_the_exchange_is_reported(desk: Desk) -> None:
    sent(desk)
    desk.stream()
    (execution,) = desk.exchange.fills
    desk.exchange.fills[0] = replace(execution, qty=execution.qty + 1)
    differences = desk.reconciler.position_differences()
    assert differences["BTCUSDT"] == (execution.qty, execution.qty + 1)


def test_a_foreign_fill_moves_the_position_and_no_parent(desk: Desk) -> None:
    sent(desk)
    desk.stream()
    (execution,) = desk.exchange.fills
    foreign = replace(execution, exec_id="e-foreign", order_link_id="by-hand", order_id="o-x")
    desk.fill_book.apply_execution(foreign, desk.clock.now(), source="stream")
    assert desk.position() == 2 * execution.qty
    assert "foreign_fill" in desk.audit_kinds()
    desk.check_balance()


def test_funding_moves_no_position(desk: Desk) -> None:
    sent(desk)
    (execution,) = desk.exchange.fills
    funding = replace(execution, exec_id="e-f", moves_position=False, exec_type="Funding")
    desk.fill_book.apply_execution(funding, desk.clock.now(), source="stream")
    assert desk.position() == 0


def test_funding_is_part_of_the_positions_profit_and_of_the_trade_that_closes_it(
    desk: Desk,
) -> None:
    sent(desk)
    desk.stream()
    (bought,) = desk.exchange.fills
    paid = replace(bought, exec_id="e-f", fee=D("3.25"), order_link_id="", order_id="")
    funding = replace(paid, moves_position=False, exec_type="Funding")
    for _ in range(2):
        desk.fill_book.apply_execution(funding, desk.clock.now(), source="stream")
    with desk.db.reading() as session:
        position = session.get_one(PositionRow, (ACCOUNT, "BTCUSDT"))
    assert (position.funding, position.realised_pnl) == (D("3.25"), -bought.fee - D("3.25"))
    sells = {"position_size": "3000", "reduce_only": True}
    desk.approve("r-2", side="sell", signal_data=sells)
    desk.send_due()
    desk.stream()
    assert desk.position() == 0
    assert desk.parent("r-1").realised_pnl == 0
    assert desk.parent("r-2").realised_pnl == -2 * bought.fee - D("3.25")


def test_an_order_that_turns_up_after_it_was_given_up_takes_its_release_back(desk: Desk) -> None:
    child = given_up(desk)
    assert desk.parent().released_qty == desk.parent().approved_qty
    desk.exchange.visible = True
    desk.pass_time(90)
    assert desk.reconciler.recheck_expired() == 1
    assert desk.reconciler.recheck_expired() == 0
    assert desk.position() == child.qty
    assert (desk.parent().filled_qty, desk.parent().released_qty) == (child.qty, 0)
    assert {"late_order", "late_fill"} <= set(desk.audit_kinds())


def test_an_order_that_was_given_up_is_looked_for_once_more_and_not_sixty_times(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.exchange.faults = [(OutcomeUnknown("timeout"), False)]
    desk.approve()
    desk.send_due()
    desk.pass_time(60)
    desk.reconciler.resolve_child(desk.child().child_id)
    assert desk.child().state == ChildState.EXPIRED
    asked: list[str] = []
    monkeypatch.setattr(desk.exchange, "find_order", lambda _, link: asked.append(link))
    for _ in range(70):
        desk.pass_time(2)
        desk.reconciler.recheck_expired()
    assert asked == [desk.child().order_link_id]


def test_foreign_orders_are_reported_and_not_touched(desk: Desk) -> None:
    sent(desk)
    (order,) = desk.exchange.orders.values()
    desk.exchange.orders["by-hand"] = replace(
        order, order_link_id="by-hand", order_id="o-9", status=OrderStatus.OPEN
    )
    report = desk.reconciler.reconcile_account()
    assert report.foreign_orders == ("o-9",)
    assert ACCOUNT == "paper"


def given_up(desk: Desk) -> ChildOrderRow:
    """A child whose order nobody could see until its deadline: it ended as never taken."""
    sent(desk)
    child = desk.child()
    desk.exchange.visible = False
    with desk.db.transaction() as session:
        row = session.get_one(type(child), child.child_id)
        row.state = ChildState.UNKNOWN
        row.lease_until = None
        row.exchange_order_id = None
    desk.pass_time(60)
    desk.reconciler.resolve_child(child.child_id)
    assert desk.parent().state == ParentState.UNFILLED
    return child


def status(desk: Desk) -> str:
    with desk.db.reading() as session:
        return session.get_one(TradeRequestRow, "r-1").status


def test_a_fill_after_the_end_makes_the_end_anew(desk: Desk) -> None:
    """A strategy that reads `execution_failed` with the position on sends it again."""
    child = given_up(desk)
    assert status(desk) == ExecutionStatus.EXECUTION_FAILED
    desk.stream()
    parent = desk.parent()
    assert (parent.state, parent.filled_qty, parent.released_qty) == ("completed", child.qty, 0)
    assert status(desk) == ExecutionStatus.EXECUTED_SUCCESSFULLY
    assert desk.child().state == ChildState.FILLED
    assert desk.reservation().state == ReservationState.RELEASED
    assert "parent_end_corrected" in desk.audit_kinds()
    desk.check_balance()


def test_a_part_after_the_end_makes_it_a_partial_one(desk: Desk) -> None:
    child = given_up(desk)
    (execution,) = desk.exchange.fills
    part = replace(execution, qty=D("0.01"))
    desk.fill_book.apply_execution(part, desk.clock.now(), source="stream")
    parent = desk.parent()
    assert (parent.state, parent.released_qty) == ("partial", child.qty - D("0.01"))
    assert status(desk) == ExecutionStatus.EXECUTED_SUCCESSFULLY
    assert ChildState(desk.child().state).is_final
    desk.check_balance()


def test_a_fill_moves_a_child_that_went_back_to_the_plan(desk: Desk) -> None:
    """Its order was taken after all: it must not be sent once more under the same id."""
    desk.approve()
    desk.exchange.faults.append((OutcomeUnknown("reset"), False))
    desk.send(desk.child().child_id)
    child = desk.child()
    desk.pass_time(12)
    desk.reconciler.resolve_child(child.child_id)
    assert desk.child().state == ChildState.PLANNED
    desk.exchange.fill_share = D("0.5")
    desk.exchange._take(child.body or {})
    (execution,) = desk.exchange.fills
    desk.fill_book.apply_execution(execution, desk.clock.now(), source="stream")
    assert desk.child().state == ChildState.WORKING
    assert desk.send(child.child_id) is SendResult.ALREADY_TAKEN
    desk.check_balance()


def retried(desk: Desk) -> tuple[ChildOrderRow, ChildOrderRow]:
    """An order that the exchange ended unfilled, and the attempt that takes its place."""
    desk.exchange.fill_share = D(0)
    sent(desk)
    desk.stream()
    first, second = desk.children()
    assert (first.state, second.state) == (ChildState.CANCELLED, ChildState.PLANNED)
    return first, second


def late_fill(desk: Desk, child: ChildOrderRow, qty: Decimal) -> None:
    desk.exchange._execute(child.order_link_id, TradeSide.BUY, qty, PRICE, maker=False)
    desk.stream()


def test_a_late_fill_takes_the_place_of_the_attempt_after_it(desk: Desk) -> None:
    """What filled late must not be bought twice."""
    first, second = retried(desk)
    late_fill(desk, first, first.qty)
    assert ChildState(desk.child().state).is_final
    assert desk.send(second.child_id) is SendResult.ALREADY_TAKEN
    assert desk.parent().state == ParentState.COMPLETED
    assert status(desk) == ExecutionStatus.EXECUTED_SUCCESSFULLY
    desk.check_balance()


def test_a_late_part_makes_the_attempt_after_it_smaller(desk: Desk) -> None:
    first, second = retried(desk)
    late_fill(desk, first, D("0.01"))
    assert desk.child().qty == second.qty - D("0.01")
    assert desk.child().state == ChildState.PLANNED
    desk.check_balance()


def parked(desk: Desk) -> list[tuple[str, str]]:
    with desk.db.reading() as session:
        rows = session.scalars(select(UnreadableFactRow).order_by(UnreadableFactRow.key)).all()
    return [(row.kind, row.key) for row in rows]


def test_an_execution_that_no_row_can_keep_is_parked_and_the_rest_goes_on(desk: Desk) -> None:
    sent(desk)
    (execution,) = desk.exchange.fills
    poison = replace(execution, exec_id="e-0", order_link_id="", price=D(10) ** 25)
    desk.exchange.fills.insert(0, poison)
    for _ in range(2):
        desk.reconciler.reconcile_account()
    assert desk.child().state == ChildState.FILLED
    assert parked(desk) == [("execution", "e-0")]
    assert desk.audit_kinds().count("fact_parked") == 1


def test_what_the_exchange_sends_unreadable_is_parked_and_a_position_of_it_unknown(
    desk: Desk,
) -> None:
    sent(desk)
    desk.stream()
    reported = desk.exchange.positions

    def unreadable() -> Sequence[ExchangePosition]:
        row = UnreadableFact("position", "BTCUSDT", "BTCUSDT", "unreadable field size", "{}")
        desk.exchange.unreadable.append(row)
        return []

    desk.exchange.positions = unreadable  # type: ignore[method-assign]
    assert desk.reconciler.reconcile_account().position_differences == {}
    assert parked(desk) == [("position", "BTCUSDT")]
    desk.exchange.positions = reported  # type: ignore[method-assign]
    assert desk.reconciler.reconcile_account().position_differences == {}


def test_a_position_in_another_coin_is_on_neither_side_of_the_comparison(desk: Desk) -> None:
    sent(desk)
    desk.stream()
    (execution,) = desk.exchange.fills
    usdc = replace(execution, exec_id="e-usdc", order_link_id="", symbol="BTCPERP")
    desk.fill_book.apply_execution(usdc, desk.clock.now(), source="stream")
    assert set(desk.reconciler.position_differences()) == {"BTCPERP"}
    desk.exchange.of_another_coin.add("BTCPERP")
    assert desk.reconciler.position_differences() == {}


def test_a_child_that_cannot_be_looked_up_keeps_reconciliation_from_nothing(desk: Desk) -> None:
    desk.exchange.fill_share = D(0)
    sent(desk)
    desk.pass_time(10)

    def unreadable(symbol: str, order_link_id: str) -> None:
        raise DependencyDown("unreadable field qty")

    desk.exchange.find_order = unreadable  # type: ignore[method-assign,assignment]
    assert desk.reconciler.reconcile_account().position_differences == {}


def test_an_order_record_that_no_row_can_keep_is_parked(desk: Desk) -> None:
    sent(desk)
    (order,) = desk.exchange.orders.values()
    desk.fill_book.apply_order(replace(order, filled_qty=D(10) ** 25), desk.clock.now())
    assert parked(desk) == [("order", order.order_id)]
    desk.stream()
    assert desk.child().state == ChildState.FILLED
