"""Take-profit and stop-loss orders of positions, fills and spot buys."""

from typing import Any

import pytest

from paper_exchange.types import Reject

SCOPE = {"category": "linear", "symbol": "BTCUSDT"}


def waiting(desk: Any, category: str = "linear") -> dict[str, tuple[str, str]]:
    rows = desk.engine.open_orders("u1", {**SCOPE, "category": category}, desk.now)
    return {r["stopOrderType"]: (r["triggerPrice"], r["qty"]) for r in rows}


def stop(desk: Any, **params: Any) -> None:
    desk.engine.trading_stop(
        "u1", {**SCOPE, "tpslMode": "Full", "positionIdx": 0, **params}, desk.now
    )


def test_attached_exits_appear_with_the_position_and_follow_its_size(desk: Any) -> None:
    desk.create("Buy", "1", takeProfit="102", stopLoss="99")
    assert waiting(desk) == {"TakeProfit": ("102.0", "1.000"), "StopLoss": ("99.0", "1.000")}
    assert (desk.position()["takeProfit"], desk.position()["stopLoss"]) == ("102.0", "99.0")
    desk.create("Buy", "0.4", "100.1", timeInForce="IOC")
    assert waiting(desk)["StopLoss"] == ("99.0", "1.400")


def test_attached_exits_name_the_order_that_they_came_with(desk: Any) -> None:
    def parents() -> set[str]:
        rows = desk.engine.open_orders("u1", SCOPE, desk.now)
        return {r["parentOrderLinkId"] for r in rows if r["orderStatus"] == "Untriggered"}

    desk.create("Buy", "1", takeProfit="102", stopLoss="99", orderLinkId="parent")
    assert parents() == {"parent"}
    stop(desk, stopLoss="98")
    assert parents() == {"parent"}
    stop(desk, takeProfit="0", stopLoss="0")
    stop(desk, stopLoss="97")
    assert parents() == {""}


def test_a_stop_loss_closes_the_position_and_clears_the_take_profit(desk: Any) -> None:
    desk.create("Buy", "1", takeProfit="102", stopLoss="99.5")
    desk.events()
    desk.trade("99.5", "0.1", "Sell")
    assert desk.position()["size"] == "0.000"
    rows = [(e["stopOrderType"], e["orderStatus"], e["cancelType"]) for e in desk.events("order")]
    assert rows == [
        ("StopLoss", "Triggered", "UNKNOWN"),
        ("StopLoss", "Filled", "UNKNOWN"),
        ("TakeProfit", "Deactivated", "CancelByTpSlTsClear"),
    ]
    assert waiting(desk) == {}


def test_trading_stop_sets_moves_and_removes_exits(desk: Any) -> None:
    desk.create("Sell", "1")
    stop(desk, takeProfit="98", stopLoss="103", slTriggerBy="MarkPrice")
    assert waiting(desk) == {"TakeProfit": ("98.0", "1.000"), "StopLoss": ("103.0", "1.000")}
    stop(desk, stopLoss="102")
    stop(desk, takeProfit="0")
    assert waiting(desk) == {"StopLoss": ("102.0", "1.000")}
    with pytest.raises(Reject) as caught:
        stop(desk, stopLoss="102")
    assert caught.value.ret_code == 34040


@pytest.mark.parametrize("bad", [{"takeProfit": "99"}, {"stopLoss": "101"}])
def test_an_exit_on_the_wrong_side_is_refused(desk: Any, bad: dict[str, str]) -> None:
    with pytest.raises(Reject) as caught:
        desk.create("Buy", "1", "100.0", **bad)
    assert caught.value.ret_code == 10001
    desk.create("Buy", "1")
    with pytest.raises(Reject) as caught:
        stop(desk, **bad)
    assert caught.value.ret_code == 10001


def test_exits_need_a_position(desk: Any) -> None:
    with pytest.raises(Reject):
        stop(desk, stopLoss="99")


def test_partial_exits_cover_their_size_and_one_half_ends_the_other(desk: Any) -> None:
    desk.create("Buy", "1")
    sizes = {"tpSize": "0.4", "slSize": "0.4"}
    stop(desk, tpslMode="Partial", takeProfit="102", stopLoss="99", **sizes)
    limit = {"tpSize": "0.3", "tpOrderType": "Limit", "tpLimitPrice": "103"}
    stop(desk, tpslMode="Partial", takeProfit="103", **limit)
    desk.book(bids=[("102.0", "5")], asks=[("102.1", "5")], snapshot=True)
    desk.trade("102", "0.1", "Buy")
    assert desk.position()["size"] == "0.600"
    assert waiting(desk) == {"PartialTakeProfit": ("103.0", "0.300")}
    desk.trade("103", "0.1", "Buy")
    [row] = desk.engine.open_orders("u1", SCOPE, desk.now)
    assert (row["orderStatus"], row["price"], row["orderType"]) == ("New", "103.0", "Limit")


def test_cancelling_an_exit_removes_it_from_the_position(desk: Any) -> None:
    desk.create("Buy", "1", stopLoss="99")
    [row] = desk.engine.open_orders("u1", SCOPE, desk.now)
    desk.cancel(row["orderId"])
    assert desk.position()["stopLoss"] == ""


def test_cancel_all_of_active_orders_leaves_protective_stops(desk: Any) -> None:
    desk.create("Buy", "1", stopLoss="99")
    desk.create("Buy", "1", "99.5")
    desk.engine.cancel_all("u1", {**SCOPE, "orderFilter": "Order"}, desk.now)
    assert list(waiting(desk)) == ["StopLoss"]
    desk.engine.cancel_all("u1", SCOPE, desk.now)
    assert waiting(desk) == {}


def test_a_reversal_clears_the_exits_of_the_old_side(desk: Any) -> None:
    desk.create("Buy", "1", stopLoss="99")
    desk.create("Sell", "2")
    assert desk.position()["side"] == "Sell"
    assert waiting(desk) == {}


def test_a_spot_buy_with_exits_gets_a_pair_for_what_it_received(desk: Any) -> None:
    desk.book(bids=[("100.0", "9")], asks=[("100.1", "9")], snapshot=True, category="spot")
    desk.create("Buy", "1", "100.1", category="spot", takeProfit="105", stopLoss="95")
    assert waiting(desk, "spot") == {
        "TakeProfit": ("105.0", "0.999000"),
        "StopLoss": ("95.0", "0.999000"),
    }
    desk.trade("95", "1", "Sell", category="spot")
    assert waiting(desk, "spot") == {}
    assert desk.cash("BTC") == 0
