"""Facts from the exchange in any order and any number give the same books."""

from dataclasses import replace
from decimal import Decimal

from bot.errors import OutcomeUnknown
from bot.execution.sending.sender import SendResult
from models.enums import (
    ChildState,
    ExecutionStatus,
    OrderStatus,
    ParentState,
    TradeSide,
)
from models.tables import ChildOrderRow, PositionRow, TradeRequestRow
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


def status(desk: Desk) -> str:
    with desk.db.reading() as session:
        return session.get_one(TradeRequestRow, "r-1").status


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
