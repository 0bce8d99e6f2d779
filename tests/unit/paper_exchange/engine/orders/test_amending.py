"""Amendments: what is refused, what keeps the place in the queue, what loses it."""

from typing import Any

import pytest

from paper_exchange.types import Reject


def amend(desk: Any, order: str, uid: str = "u1", **change: Any) -> None:
    params = {"category": "linear", "symbol": "BTCUSDT", "orderId": order, **change}
    desk.engine.amend_order(uid, params, desk.now)


def test_a_smaller_quantity_keeps_the_place_and_a_larger_one_loses_it(desk: Any) -> None:
    first = desk.create("Buy", "2", "100.0")
    second = desk.create("Buy", "1", "100.0", uid="u2")
    amend(desk, first, qty="1.5")
    desk.trade("100.0", "2.5", "Sell")
    assert desk.order(first)["cumExecQty"] == "0.500"
    amend(desk, first, qty="1.6")
    desk.trade("100.0", "3", "Sell")
    assert desk.order(second, uid="u2")["orderStatus"] == "Filled"
    assert desk.order(first)["cumExecQty"] == "0.500"


def test_a_new_price_may_take_at_once(desk: Any) -> None:
    order = desk.create("Buy", "1", "99.0")
    amend(desk, order, price="100.1")
    row = desk.order(order)
    assert (row["orderStatus"], row["avgPrice"]) == ("Filled", "100.1")


def test_a_post_only_order_that_is_amended_into_the_market_is_cancelled(desk: Any) -> None:
    order = desk.create("Buy", "1", "99.0", timeInForce="PostOnly")
    amend(desk, order, price="100.1")
    assert desk.order(order)["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (110064, {"qty": "0.5"}),
        (10001, {"qty": "2"}),
        (10001, {"qty": "1.0005"}),
        (10001, {"price": "99.95"}),
        (110094, {"qty": "0.501", "price": "0.1"}),
        (110007, {"qty": "1190", "price": "99.9"}),
        (110032, {"triggerPrice": "101"}),
    ],
)
def test_a_wrong_amendment_is_refused(desk: Any, code: int, change: dict[str, str]) -> None:
    desk.engine.world.accounts["u1"].wallet["USDT"] = desk.cash() / 10
    order = desk.create("Buy", "2", "100.0")
    desk.trade("100.0", "2.5", "Sell")
    with pytest.raises(Reject) as caught:
        amend(desk, order, **change)
    assert caught.value.ret_code == code
    assert desk.order(order)["leavesQty"] == "1.500"


def test_an_amendment_that_comes_too_late_changes_nothing(make_desk: Any) -> None:
    desk = make_desk(effect_delay_ms=3)
    desk.book(bids=[("100.0", "1")], asks=[("100.2", "1")], snapshot=True)
    order = desk.create("Buy", "1", "100.1")
    desk.wait(3)
    amend(desk, order, qty="0.4")
    desk.trade("100.1", "0.5", "Sell")
    desk.wait(3)
    row = desk.order(order)
    assert (row["qty"], row["leavesQty"], row["orderStatus"]) == (
        "1.000",
        "0.500",
        "PartiallyFilled",
    )


def test_margin_follows_an_amendment_both_ways(desk: Any) -> None:
    order = desk.create("Buy", "1", "100.0")
    before = desk.engine.wallet("u1")["totalInitialMargin"]
    amend(desk, order, qty="3")
    grown = desk.engine.wallet("u1")["totalInitialMargin"]
    assert float(grown) == pytest.approx(3 * float(before))
    amend(desk, order, qty="1")
    assert desk.engine.wallet("u1")["totalInitialMargin"] == before
    desk.cancel(order)
    assert desk.engine.wallet("u1")["totalInitialMargin"] == "0"
