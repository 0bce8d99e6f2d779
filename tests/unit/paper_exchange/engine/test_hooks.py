"""Events that a test or a fault forces on an account."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.types import Reject

D = Decimal


def test_a_forced_cancel_names_its_type(desk: Any) -> None:
    order = desk.create("Buy", "1", "99")
    desk.events()
    desk.engine.force_cancel("u1", order, "CancelByAdmin")
    [row] = desk.events("order")
    assert (row["orderStatus"], row["cancelType"]) == ("Cancelled", "CancelByAdmin")
    with pytest.raises(Reject):
        desk.engine.force_cancel("u1", order, "CancelByAdmin")


def test_a_foreign_order_acts_at_once_and_is_visible(make_desk: Any) -> None:
    desk = make_desk(effect_delay_ms=50)
    desk.book(bids=[("100", "1")], asks=[("101", "1")], snapshot=True)
    params = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "qty": "0.5",
    }
    reply = desk.engine.inject_foreign_order("u1", params)
    assert desk.order(reply["orderId"])["orderStatus"] == "Filled"
    assert desk.position()["size"] == "0.500"


def test_new_filters_hold_for_new_orders_and_a_delivering_contract_only_reduces(
    desk: Any,
) -> None:
    desk.create("Buy", "1")
    spec = desk.specs["linear", "BTCUSDT"]
    desk.engine.update_instrument(replace(spec, tick_size=D("0.5"), min_qty=D("0.01")))
    with pytest.raises(Reject):
        desk.create("Buy", "1", "99.1")
    with pytest.raises(Reject):
        desk.create("Buy", "0.005", "99.5")
    desk.create("Buy", "1", "99.5")
    desk.engine.update_instrument(replace(spec, status="Delivering"))
    with pytest.raises(Reject) as caught:
        desk.create("Buy", "1", "99")
    assert caught.value.ret_code == 110023
    desk.create("Sell", "1", reduceOnly=True)
    desk.engine.update_instrument(replace(spec, status="Closed"))
    assert desk.engine.open_orders("u1", {"category": "linear", "symbol": "BTCUSDT"}, 0) == []


def test_a_finer_grid_than_the_sources_is_refused(desk: Any) -> None:
    spec = desk.specs["linear", "BTCUSDT"]
    with pytest.raises(ValueError, match="multiples"):
        desk.engine.update_instrument(replace(spec, tick_size=D("0.05")))


def test_delays_change_at_run_time(desk: Any) -> None:
    desk.engine.set_delays(effect_delay_ms=10)
    desk.create("Buy", "1")
    assert desk.position()["size"] == "0.000"
    desk.wait(10)
    assert desk.position()["size"] == "1.000"
