"""The engine through its public interface: orders, fills, positions, events."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.types import Reject

D = Decimal


def refused(code: int, call: Any, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(Reject) as caught:
        call(*args, **kwargs)
    assert caught.value.ret_code == code, caught.value


def test_a_market_buy_walks_the_book_and_opens_a_position(desk: Any) -> None:
    order = desk.create("Buy", "2")
    row = desk.order(order)
    assert row["orderStatus"] == "Filled"
    assert row["cumExecQty"] == "2.000"
    assert row["cumExecValue"] == "200.25"  # 1.5 at 100.1 and 0.5 at 100.2
    assert row["avgPrice"] == "100.125"
    assert desk.position()["size"] == "2.000"
    assert desk.cash() == D(100_000) - D("200.25") * D("0.00055")


def test_liquidity_is_used_once_until_the_replay_shows_new_size(desk: Any) -> None:
    desk.create("Buy", "1")
    desk.create("Buy", "1")
    fills = [(e["execPrice"], e["execQty"]) for e in desk.events("execution")]
    assert fills == [("100.1", "1.000"), ("100.1", "0.500"), ("100.2", "0.500")]
    desk.book(asks=[("100.1", "1.5")])
    desk.create("Buy", "1")
    assert [e["execPrice"] for e in desk.events("execution")] == ["100.2"]
    desk.book(asks=[("100.1", "2.5")])
    desk.create("Buy", "1")
    assert [e["execPrice"] for e in desk.events("execution")] == ["100.1"]


def test_events_of_a_fill_come_as_execution_order_position_wallet(desk: Any) -> None:
    desk.create("Buy", "1")
    desk.events()
    assert [e.topic for e in desk.seen] == ["execution", "order", "position", "wallet"]


def test_an_order_takes_effect_after_the_delay(make_desk: Any) -> None:
    desk = make_desk(effect_delay_ms=3)
    desk.book(bids=[("100.0", "1")], asks=[("100.1", "1")], snapshot=True)
    order = desk.create("Buy", "1", "100.1")
    params = {"category": "linear", "orderId": order}
    assert desk.engine.open_orders("u1", params, desk.now) == []
    assert desk.events() == []
    assert desk.engine.next_due_ms() == desk.now + 3
    desk.wait(3)
    assert desk.order(order)["orderStatus"] == "Filled"


def test_an_ioc_takes_what_is_there_and_cancels_the_rest(desk: Any) -> None:
    row = desk.order(desk.create("Buy", "2", "100.1", timeInForce="IOC"))
    assert (row["orderStatus"], row["cumExecQty"]) == ("Cancelled", "1.500")
    assert row["rejectReason"] == "EC_NoImmediateQtyToFill"


def test_a_fok_fills_whole_or_not_at_all(desk: Any) -> None:
    row = desk.order(desk.create("Buy", "2", "100.1", timeInForce="FOK"))
    assert (row["orderStatus"], row["cumExecQty"]) == ("Cancelled", "0")
    assert desk.order(desk.create("Buy", "2", "100.2", timeInForce="FOK"))["cumExecQty"] == "2.000"


def test_a_post_only_that_would_take_is_cancelled(desk: Any) -> None:
    row = desk.order(desk.create("Buy", "1", "100.1", timeInForce="PostOnly"))
    assert (row["orderStatus"], row["rejectReason"]) == (
        "Cancelled",
        "EC_PostOnlyWillTakeLiquidity",
    )
    row = desk.order(desk.create("Buy", "1", "100.0", timeInForce="PostOnly"))
    assert row["orderStatus"] == "New"


def test_a_futures_price_beyond_the_band_is_moved_to_it(desk: Any) -> None:
    desk.mark("100")
    assert desk.order(desk.create("Buy", "0.1", "150", timeInForce="IOC"))["price"] == "101.0"
    high, low = desk.engine.price_limit("linear", "BTCUSDT")
    assert (high, low) == (D("101.0"), D("99.0"))


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (10001, {"qty": "0.0001"}),
        (10001, {"qty": "0"}),
        (10001, {"qty": "1e-3"}),
        (10001, {"qty": 1}),
        (10001, {"qty": "2000"}),
        (10001, {"price": "100.05"}),
        (110094, {"qty": "0.001"}),
        (110017, {"reduceOnly": True}),
        (10001, {"positionIdx": 1}),
        (10001, {"orderLinkId": "x" * 37}),
        (110007, {"qty": "1000"}),
    ],
)
def test_a_wrong_order_is_refused_with_bybits_code(
    desk: Any, code: int, change: dict[str, Any]
) -> None:
    params = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Limit",
        "qty": "1",
        "price": "99",
        "leverage": "10",
    }
    if code == 110007:
        desk.engine.world.accounts["u1"].wallet["USDT"] = D(5_000)
    refused(code, desk.engine.create_order, "u1", {**params, **change}, desk.now)
    assert desk.events() == []


def test_an_order_link_id_is_never_accepted_twice(desk: Any) -> None:
    order = desk.create("Buy", "1", "99", orderLinkId="a-1")
    desk.cancel(order)
    refused(110072, desk.create, "Buy", "1", "99", orderLinkId="a-1")


def test_a_reduce_only_order_is_cut_and_cancelled_with_its_position(desk: Any) -> None:
    desk.create("Buy", "1")
    exit_order = desk.create("Sell", "5", "101", reduceOnly=True)
    assert desk.order(exit_order)["qty"] == "1.000"
    desk.create("Sell", "0.4", "100", timeInForce="IOC")
    assert desk.order(exit_order)["leavesQty"] == "0.600"
    desk.create("Sell", "0.6", "100", timeInForce="IOC")
    row = desk.order(exit_order)
    assert (row["orderStatus"], row["cancelType"]) == ("Cancelled", "CancelByReduceOnly")
    assert desk.position()["side"] == ""


def test_realised_profit_and_fees_reach_the_wallet(desk: Any) -> None:
    desk.create("Buy", "1")
    desk.book(bids=[("110.0", "2")], asks=[], snapshot=True)
    desk.create("Sell", "1")
    assert desk.cash() == D(100_000) + D("9.9") - (D("100.1") + D("110.0")) * D("0.00055")
    wallet = desk.engine.wallet("u1")
    assert D(wallet["totalEquity"]) == desk.cash().quantize(D("0.00000001"))


def test_a_cancel_ends_the_order_and_a_second_one_is_refused(desk: Any) -> None:
    order = desk.create("Buy", "1", "99")
    desk.cancel(order)
    row = desk.order(order)
    assert (row["orderStatus"], row["cancelType"], row["rejectReason"]) == (
        "Cancelled",
        "CancelByUser",
        "EC_PerCancelRequest",
    )
    refused(110001, desk.cancel, order)


def test_a_cancel_that_lost_the_race_sends_a_second_filled(make_desk: Any) -> None:
    desk = make_desk(effect_delay_ms=3)
    desk.book(bids=[("100.0", "1")], asks=[("100.2", "1")], snapshot=True)
    order = desk.create("Buy", "1", "100.1")
    desk.wait(3)
    desk.cancel(order)
    desk.trade("100.1", "1", "Sell")
    desk.wait(3)
    rows = [(e["orderStatus"], e["cancelType"]) for e in desk.events("order")]
    assert rows == [("New", "UNKNOWN"), ("Filled", "UNKNOWN"), ("Filled", "CancelByUser")]


def test_cancel_all_names_what_it_cancels(desk: Any) -> None:
    ids = [desk.create("Buy", "1", price) for price in ("99", "98")]
    reply = desk.engine.cancel_all("u1", {"category": "linear", "settleCoin": "USDT"}, desk.now)
    assert [row["orderId"] for row in reply["list"]] == ids
    scope = {"category": "linear", "symbol": "BTCUSDT"}
    assert desk.engine.open_orders("u1", scope, desk.now) == []
    assert len(desk.engine.order_history("u1", scope, desk.now)) == 2


def test_two_paper_accounts_trade_with_each_other(desk: Any) -> None:
    desk.create("Sell", "1", "100.05".replace("05", "1"), uid="u2")
    desk.create("Buy", "2.2", "100.1", timeInForce="IOC")
    assert desk.position(uid="u2")["size"] == "0.700"
    assert desk.position()["size"] == "2.200"
