"""An id proves nothing: what is reported under a child's id is compared before it is believed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from bot.errors import OutcomeUnknown
from models.enums import ChildState, OrderStatus, TradeSide
from models.tables import ChildOrderRow, FillRow
from tests.support.desk import Desk

D = Decimal
OTHERS: dict[str, dict[str, Any]] = {
    "side": {"side": TradeSide.SELL},
    "quantity": {"qty": D("0.5")},
    "symbol": {"symbol": "ETHUSDT"},
    "price": {"price": D("99000")},
    "age": {"age": timedelta(days=1)},
}


def sent_into_the_dark(desk: Desk) -> ChildOrderRow:
    """A child whose POST had no answer and no effect."""
    desk.approve()
    desk.exchange.faults.append((OutcomeUnknown("reset"), False))
    desk.send(desk.child().child_id)
    assert desk.child().state == ChildState.UNKNOWN
    return desk.child()


def somebody_elses(desk: Desk, child: ChildOrderRow, **changes: Any) -> None:
    trade = {"side": TradeSide(child.side), "qty": child.qty.normalize(), **changes}
    desk.exchange.somebody_elses(child.order_link_id, **trade)


@pytest.mark.parametrize("what", OTHERS)
def test_an_order_of_another_under_our_id_fills_no_child(desk: Desk, what: str) -> None:
    child = sent_into_the_dark(desk)
    somebody_elses(desk, child, **OTHERS[what])
    desk.reconciler.resolve_child(child.child_id)
    assert (desk.child().state, desk.child().filled_qty) == (ChildState.UNKNOWN, 0)
    desk.stream()
    assert (desk.child().state, desk.child().filled_qty) == (ChildState.UNKNOWN, 0)
    assert (desk.parent().filled_qty, desk.parent().realised_pnl) == (0, 0)
    assert {"foreign_fill", "foreign_order"} <= set(desk.audit_kinds())
    desk.check_balance()


def test_a_fill_of_another_under_our_id_is_stored_as_foreign(desk: Desk) -> None:
    child = sent_into_the_dark(desk)
    somebody_elses(desk, child, side=TradeSide.SELL, qty=D("0.5"))
    desk.stream()
    with desk.db.reading() as session:
        fill = session.scalars(select(FillRow)).one()
    assert fill.child_id is None
    assert desk.position() == D("-0.5")


def test_an_order_that_the_venue_moved_to_its_price_band_is_ours(desk: Desk) -> None:
    child = sent_into_the_dark(desk)
    assert child.price is not None
    somebody_elses(desk, child, price=child.price - D("20"))
    desk.reconciler.resolve_child(child.child_id)
    desk.stream()
    assert desk.child().state == ChildState.FILLED


def test_a_child_whose_id_another_has_gets_a_new_one(desk: Desk) -> None:
    child = sent_into_the_dark(desk)
    somebody_elses(desk, child, side=TradeSide.SELL)
    desk.pass_time(12)
    desk.reconciler.resolve_child(child.child_id)
    first, second = desk.children()
    assert first.state == ChildState.REJECTED
    assert first.note is not None
    assert "another origin" in first.note
    assert second.order_link_id != first.order_link_id
    desk.check_balance()


def test_an_acknowledged_order_is_ours_whatever_a_person_made_of_it(desk: Desk) -> None:
    """Its number came as the answer to our own POST."""
    desk.exchange.fill_share = D(0)
    desk.approve()
    desk.send(desk.child().child_id)
    child = desk.child()
    (order,) = desk.exchange.orders.values()
    amended = replace(order, price=D("65400"), status=OrderStatus.OPEN, raw_status="New")
    desk.fill_book.apply_order(amended, desk.clock.now())
    assert desk.child().state == ChildState.WORKING
    another = replace(amended, order_id="another")
    desk.exchange.orders[child.order_link_id] = another
    assert desk.reconciler.reconcile_account().foreign_orders == ("another",)


def test_what_an_attempt_before_this_one_sent_is_ours(desk: Desk) -> None:
    """Sent twice under one id: the first order, later at another price, turns up."""
    child = sent_into_the_dark(desk)
    body = dict(child.body or {})
    desk.pass_time(12)
    desk.reconciler.resolve_child(child.child_id)
    desk.market.touch = desk.exchange.touch = D("64000")
    desk.exchange.faults.append((OutcomeUnknown("reset"), False))
    desk.send(child.child_id)
    assert desk.child().posts == 2
    desk.exchange._take(body)
    desk.stream()
    assert desk.child().state == ChildState.FILLED


def test_an_order_of_another_under_the_id_of_an_ended_child_is_left_alone(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)
    desk.stream()
    somebody_elses(desk, desk.child(), status=OrderStatus.OPEN)
    report = desk.reconciler.reconcile_account()
    assert report.called_back == ()
    assert len(report.foreign_orders) == 1
    assert desk.exchange.cancel_requests == []
