"""Conditional orders and trailing stops."""

from typing import Any

import pytest

from paper_exchange.types import Reject


def test_a_buy_stop_waits_triggers_and_fills(desk: Any) -> None:
    desk.trade("100.0", "0.1", "Sell")
    order = desk.create("Buy", "1", triggerPrice="100.5", triggerDirection=1)
    assert desk.order(order)["orderStatus"] == "Untriggered"
    assert desk.engine.wallet("u1")["totalInitialMargin"] == "0"
    desk.trade("100.4", "0.1", "Buy")
    assert desk.order(order)["orderStatus"] == "Untriggered"
    desk.events()
    desk.trade("100.5", "0.1", "Buy")
    assert [e["orderStatus"] for e in desk.events("order")] == ["Triggered", "Filled"]
    assert desk.position()["size"] == "1.000"


def test_a_stop_looks_at_the_price_that_it_names(desk: Any) -> None:
    desk.mark("100")
    order = desk.create(
        "Sell", "1", "99", triggerPrice="99.5", triggerDirection=2, triggerBy="MarkPrice"
    )
    desk.trade("99", "0.1", "Sell")
    assert desk.order(order)["orderStatus"] == "Untriggered"
    desk.mark("99.5")
    assert desk.order(order)["cumExecQty"] == "1.000"


def test_without_marks_the_mid_triggers_mark_stops(desk: Any) -> None:
    order = desk.create("Buy", "1", triggerPrice="101", triggerDirection=1, triggerBy="MarkPrice")
    desk.book(bids=[("101.0", "1")], asks=[("101.2", "5")], snapshot=True)
    assert desk.order(order)["orderStatus"] == "Filled"


@pytest.mark.parametrize(("direction", "code"), [(1, 110092), (2, 110093)])
def test_a_trigger_on_the_wrong_side_is_refused(desk: Any, direction: int, code: int) -> None:
    desk.trade("100", "0.1", "Sell")
    price = "99" if direction == 1 else "101"
    with pytest.raises(Reject) as caught:
        desk.create("Buy", "1", triggerPrice=price, triggerDirection=direction)
    assert caught.value.ret_code == code


def test_an_eleventh_conditional_order_of_a_symbol_is_refused(desk: Any) -> None:
    for _ in range(10):
        desk.create("Buy", "1", triggerPrice="105", triggerDirection=1)
    with pytest.raises(Reject) as caught:
        desk.create("Buy", "1", triggerPrice="105", triggerDirection=1)
    assert caught.value.ret_code == 110009
    assert desk.create("Buy", "1", "99")


def test_cancelled_before_its_trigger_it_is_deactivated(desk: Any) -> None:
    order = desk.create("Buy", "1", triggerPrice="105", triggerDirection=1)
    desk.cancel(order)
    assert desk.order(order)["orderStatus"] == "Deactivated"
    desk.trade("106", "1", "Buy")
    assert desk.position()["size"] == "0.000"


def test_a_triggered_order_that_cannot_be_paid_for_is_cancelled(desk: Any) -> None:
    order = desk.create("Buy", "500", triggerPrice="105", triggerDirection=1)
    desk.engine.world.accounts["u1"].wallet["USDT"] = desk.cash() / 1000
    desk.trade("105", "1", "Buy")
    assert desk.order(order)["cancelType"] == "CancelByCannotAffordOrderCost"
    assert desk.engine.world.accounts["u1"].order_loss == 0


def test_a_trailing_stop_follows_the_extreme_and_closes_on_the_way_back(desk: Any) -> None:
    desk.create("Buy", "1")
    stop = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "tpslMode": "Full",
        "positionIdx": 0,
        "trailingStop": "1",
        "activePrice": "101",
    }
    desk.engine.trading_stop("u1", stop, desk.now)
    for price in ("99.0", "101", "103", "102.1"):
        desk.trade(price, "0.1", "Buy")
        assert desk.position()["size"] == "1.000"
    desk.trade("102", "0.1", "Sell")
    assert desk.position()["size"] == "0.000"
    assert desk.position()["trailingStop"] == "0"


def test_an_accounts_own_trade_is_the_last_price_and_fires_the_stops_of_others(desk: Any) -> None:
    stop = desk.create("Buy", "0.2", uid="u2", triggerPrice="100.2", triggerDirection=1)
    desk.create("Buy", "1")
    assert desk.order(stop, uid="u2")["orderStatus"] == "Untriggered"
    desk.create("Buy", "1")  # takes the rest at 100.1 and 0.5 at 100.2
    assert desk.order(stop, uid="u2")["orderStatus"] == "Filled"
    assert desk.engine.world.markets["linear", "BTCUSDT"].last == 1002


def test_a_fired_stop_fires_the_next_one_by_its_own_trade(desk: Any) -> None:
    first = desk.create("Sell", "5", triggerPrice="99.95".replace("95", "9"), triggerDirection=2)
    second = desk.create("Sell", "1", uid="u2", triggerPrice="99.8", triggerDirection=2)
    desk.trade("99.9", "0.1", "Sell")
    assert desk.order(first)["avgPrice"] == "99.94"
    assert desk.order(second, uid="u2")["orderStatus"] == "Untriggered"
    desk.create("Sell", "0.1", uid="u2")
    assert desk.order(second, uid="u2")["orderStatus"] == "Filled"


def test_a_trailing_stop_follows_own_trades_and_a_quote_that_filled_a_maker(desk: Any) -> None:
    desk.create("Buy", "1")
    stop = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "tpslMode": "Full",
        "positionIdx": 0,
        "trailingStop": "0.3",
    }
    desk.engine.trading_stop("u1", stop, desk.now)
    desk.create("Buy", "2", uid="u2")  # up to 100.2
    desk.create("Buy", "0.2", "99.9", uid="u2")
    assert desk.position()["size"] == "1.000"
    desk.book(bids=[("100.0", "0"), ("99.9", "0")], asks=[("99.9", "1")])
    assert desk.position()["size"] == "0.000"
