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


def test_a_futures_price_beyond_the_band_is_moved_to_it(desk: Any) -> None:
    desk.mark("100")
    assert desk.order(desk.create("Buy", "0.1", "150", timeInForce="IOC"))["price"] == "101.0"
    high, low = desk.engine.price_limit("linear", "BTCUSDT")
    assert (high, low) == (D("101.0"), D("99.0"))


def test_an_order_link_id_is_never_accepted_twice(desk: Any) -> None:
    order = desk.create("Buy", "1", "99", orderLinkId="a-1")
    desk.cancel(order)
    refused(110072, desk.create, "Buy", "1", "99", orderLinkId="a-1")


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
