"""Children of unknown outcome are looked up at the exchange, one by one."""

from decimal import Decimal

from bot.errors import DependencyDown
from tests.support.desk import Desk

D = Decimal


def sent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)


def test_a_child_that_cannot_be_looked_up_keeps_reconciliation_from_nothing(desk: Desk) -> None:
    desk.exchange.fill_share = D(0)
    sent(desk)
    desk.pass_time(10)

    def unreadable(symbol: str, order_link_id: str) -> None:
        raise DependencyDown("unreadable field qty")

    desk.exchange.find_order = unreadable  # type: ignore[method-assign,assignment]
    assert desk.reconciler.reconcile_account().position_differences == {}
