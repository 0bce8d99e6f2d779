from typing import Any

import pytest

from paper_exchange.types import Reject

SCOPE = {"category": "linear", "symbol": "BTCUSDT"}
HOUR = 3_600_000


def test_records_are_bounded_in_number_and_the_newest_stay(make_desk: Any) -> None:
    desk = make_desk(max_history=10, closed_order_cache=3)
    desk.book(bids=[("100", "900")], asks=[("101", "900")], snapshot=True)
    orders = [desk.create("Buy" if n % 2 else "Sell", "1") for n in range(40)]
    desk.wait(HOUR)
    world = desk.engine.world
    account = world.accounts["u1"]
    assert len(account.orders) == 13
    assert len(account.closing) <= 13
    assert len(world.executions["u1"]) == len(world.ledger.rows["u1"]) == 10
    rows = desk.engine.executions("u1", SCOPE, desk.now)
    assert [row["orderId"] for row in rows] == list(reversed(orders[-10:]))


def test_open_orders_and_the_position_outlive_every_retention(make_desk: Any) -> None:
    desk = make_desk(max_history=0, closed_order_cache=0)
    desk.book(bids=[("100", "9")], asks=[("101", "9")], snapshot=True)
    desk.create("Buy", "1")
    resting = desk.create("Buy", "1", "99")
    desk.wait(30 * 24 * HOUR)
    assert desk.order(resting)["orderStatus"] == "New"
    assert desk.position()["size"] == "1.000"


def test_a_used_link_id_stays_used_until_the_newest_ones_push_it_out(make_desk: Any) -> None:
    desk = make_desk(max_used_links=2, closed_order_cache=0)
    desk.book(bids=[("100", "9")], asks=[("101", "9")], snapshot=True)
    for name in ("first", "second", "third"):
        desk.create("Buy", "1", "99", timeInForce="IOC", orderLinkId=name)
    desk.wait(25 * HOUR)
    for name in ("second", "third"):
        with pytest.raises(Reject):
            desk.create("Buy", "1", "99", orderLinkId=name)
    desk.create("Buy", "1", "99", orderLinkId="first")
