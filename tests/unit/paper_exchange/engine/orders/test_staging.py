"""Fills by decree, and stop orders that go wrong."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.orders.staging import StagedFill
from paper_exchange.engine.persistence import dump
from paper_exchange.engine.settings import AccountConfig
from paper_exchange.types import Reject

D = Decimal
SHARE = D("0.3")


def test_the_next_order_fills_in_part_and_then_the_rest(desk: Any) -> None:
    desk.engine.stage_fill(StagedFill(SHARE, rest_after_ms=5_000))
    order = desk.create("Buy", "1")
    row = desk.order(order)
    assert (row["orderStatus"], row["cumExecQty"]) == ("PartiallyFilled", "0.300")
    assert (row["avgPrice"], desk.position()["size"]) == ("100.1", "0.300")
    desk.trade("90.0", "50", "Sell")  # the market fills no held order
    assert desk.order(order)["cumExecQty"] == "0.300"
    other = desk.create("Buy", "1")
    assert desk.order(other)["orderStatus"] == "Filled"
    desk.wait(5_000)
    assert (desk.order(order)["orderStatus"], desk.position()["size"]) == ("Filled", "2.000")


def test_a_held_order_can_be_cancelled_and_frees_its_margin(desk: Any) -> None:
    desk.mark("100")
    desk.engine.stage_fill(StagedFill(D(0)))
    order = desk.create("Buy", "1", "99")
    assert desk.order(order)["orderStatus"] == "New"
    assert D(desk.engine.wallet("u1")["totalInitialMargin"]) > 0
    desk.cancel(order)
    assert desk.order(order)["orderStatus"] == "Cancelled"
    assert desk.engine.wallet("u1")["totalInitialMargin"] == "0"
    with pytest.raises(Reject):
        desk.engine.fill_rest("u1", order, desk.now)


def test_a_plan_waits_for_the_order_that_it_is_meant_for(desk: Any) -> None:
    desk.engine.stage_fill(StagedFill(SHARE, uid="u2"))
    first = desk.create("Buy", "1")
    assert desk.order(first)["orderStatus"] == "Filled"
    second = desk.create("Buy", "0.1", uid="u2")
    assert desk.order(second, uid="u2")["cumExecQty"] == "0.030"
    desk.engine.fill_rest("u2", second, desk.now)
    assert desk.order(second, uid="u2")["orderStatus"] == "Filled"


def test_an_amended_order_returns_to_the_market(desk: Any) -> None:
    desk.engine.stage_fill(StagedFill(SHARE))
    order = desk.create("Buy", "1", "99")
    params = {"category": "linear", "symbol": "BTCUSDT", "orderId": order, "price": "100.1"}
    desk.engine.amend_order("u1", params, desk.now)
    assert desk.order(order)["orderStatus"] == "Filled"


def test_a_held_order_is_held_after_a_restart(desk: Any) -> None:
    desk.engine.stage_fill(StagedFill(SHARE))
    order = desk.create("Buy", "1", "100.1")
    desk.events()
    accounts = {uid: AccountConfig(uid) for uid in ("u1", "u2")}
    other = PaperEngine(list(desk.specs.values()), accounts)
    other.restore(dump(desk.engine.world))
    assert not other.world.market("linear", "BTCUSDT").resting
    other.fill_rest("u1", order, desk.now)
    assert other.world.accounts["u1"].orders[order].status == "Filled"


@pytest.mark.parametrize(
    ("fault", "price", "status"),
    [("never", None, "Untriggered"), ("unfilled", None, "Cancelled"), ("unfilled", "99", "New")],
)
def test_stop_orders_go_wrong_on_demand(
    desk: Any, fault: str, price: str | None, status: str
) -> None:
    desk.create("Buy", "1")
    desk.trade("100.0", "0.1", "Sell")
    more = {"triggerPrice": "99.5", "triggerDirection": 2, "reduceOnly": True}
    stop = desk.create("Sell", "1", price, **more)
    desk.engine.world.stop_fault = lambda symbol: fault if symbol == "BTCUSDT" else ""
    desk.trade("99.4", "0.1", "Sell")
    desk.trade("99.9", "50", "Buy")
    row = desk.order(stop)
    assert (row["orderStatus"], D(row["cumExecQty"])) == (status, 0)
    assert desk.position()["size"] == "1.000"
