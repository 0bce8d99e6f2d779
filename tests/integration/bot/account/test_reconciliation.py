"""What a reconciliation reports of orders that are not ours."""

from dataclasses import replace

from models.enums import OrderStatus
from tests.support.desk import ACCOUNT, Desk


def sent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)


def test_foreign_orders_are_reported_and_not_touched(desk: Desk) -> None:
    sent(desk)
    (order,) = desk.exchange.orders.values()
    desk.exchange.orders["by-hand"] = replace(
        order, order_link_id="by-hand", order_id="o-9", status=OrderStatus.OPEN
    )
    report = desk.reconciler.reconcile_account()
    assert report.foreign_orders == ("o-9",)
    assert ACCOUNT == "paper"
