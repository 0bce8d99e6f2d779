"""What no row can keep is parked, and the rest goes on."""

from dataclasses import replace
from decimal import Decimal

from sqlalchemy import select

from models.enums import ChildState
from models.tables import UnreadableFactRow
from tests.support.desk import Desk

D = Decimal


def sent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)


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


def test_an_order_record_that_no_row_can_keep_is_parked(desk: Desk) -> None:
    sent(desk)
    (order,) = desk.exchange.orders.values()
    desk.fill_book.apply_order(replace(order, filled_qty=D(10) ** 25), desk.clock.now())
    assert parked(desk) == [("order", order.order_id)]
    desk.stream()
    assert desk.child().state == ChildState.FILLED
