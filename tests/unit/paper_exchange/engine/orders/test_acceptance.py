"""What refuses an order before it exists, and at which price it is admitted."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.types import Reject

D = Decimal


def code_of(call: Any, *args: Any, **kwargs: Any) -> int:
    with pytest.raises(Reject) as caught:
        call(*args, **kwargs)
    return caught.value.ret_code


def test_a_market_orders_record_shows_its_bound_and_not_its_fill(desk: Any) -> None:
    desk.mark("100")
    assert desk.order(desk.create("Buy", "1"))["price"] == "101.0"
    assert desk.order(desk.create("Sell", "1"))["price"] == "99.0"


@pytest.mark.parametrize(
    ("kind", "value", "bound"), [("TickSize", "1", "100.2"), ("Percent", "0.05", "100.1")]
)
def test_a_slippage_tolerance_tightens_the_bound(
    desk: Any, kind: str, value: str, bound: str
) -> None:
    order = desk.create("Buy", "9", slippageToleranceType=kind, slippageTolerance=value)
    row = desk.order(order)
    assert (row["price"], row["orderStatus"]) == (bound, "Cancelled")
    assert (row["slippageToleranceType"], row["slippageTolerance"]) == (kind, value)


@pytest.mark.parametrize(
    ("code", "kind", "value"),
    [(110108, "TickSize", "0"), (110108, "TickSize", "1.5"), (110109, "Percent", "10.01")],
)
def test_a_slippage_tolerance_out_of_range_is_refused(
    desk: Any, code: int, kind: str, value: str
) -> None:
    more = {"slippageToleranceType": kind, "slippageTolerance": value}
    assert code_of(desk.create, "Buy", "1", **more) == code


def test_an_account_may_choose_refusal_over_re_pricing(desk: Any) -> None:
    desk.mark("100")
    desk.engine.set_band_action("u1", modify=False)
    assert code_of(desk.create, "Buy", "1", "150") == 110121
    assert code_of(desk.create, "Sell", "1", "50") == 110120
    desk.engine.set_band_action("u1", modify=True)
    assert desk.order(desk.create("Sell", "0.1", "50", timeInForce="IOC"))["price"] == "99.0"


def test_without_any_price_a_market_order_is_refused(make_desk: Any) -> None:
    assert code_of(make_desk().create, "Buy", "1") == 110118


def test_too_many_active_orders_are_refused(make_desk: Any) -> None:
    desk = make_desk(max_active_orders=2)
    desk.book(bids=[("100", "1")], asks=[("101", "1")], snapshot=True)
    first = desk.create("Buy", "1", "99")
    desk.create("Buy", "1", "99")
    assert code_of(desk.create, "Buy", "1", "99") == 110020
    desk.cancel(first)
    desk.create("Buy", "1", "99")


def test_what_the_exchange_does_not_offer_us_is_refused(desk: Any) -> None:
    assert code_of(desk.create, "Buy", "1", "99", timeInForce="RPI") == 110119
    assert code_of(desk.create, "Buy", "1", "99", category="spot", isLeverage=1) == 170344
    assert code_of(desk.create, "Buy", "1", "99", symbol="NOPE") == 10001
    assert code_of(desk.create, "Buy", "1", "99", category="inverse") == 10001


def test_zero_quantity_with_close_on_trigger_closes_everything(desk: Any) -> None:
    desk.create("Buy", "1.2")
    desk.create("Sell", "0", reduceOnly=True, closeOnTrigger=True)
    assert desk.position()["size"] == "0.000"
    assert code_of(desk.create, "Sell", "0") == 10001


def test_zero_quantity_closes_what_is_under_the_minimum_and_no_more_than_one_maximum(
    desk: Any,
) -> None:
    desk.create("Buy", "1.2")
    spec = desk.engine.world.market("linear", "BTCUSDT").spec
    close = {"reduceOnly": True, "closeOnTrigger": True, "timeInForce": "IOC"}
    desk.engine.update_instrument(replace(spec, max_limit_qty=D(1)))
    desk.create("Sell", "0", "100", **close)
    assert desk.position()["size"] == "0.200"
    desk.engine.update_instrument(replace(spec, min_qty=D("0.5")))
    assert code_of(desk.create, "Sell", "0.2", "100", reduceOnly=True) == 10001
    desk.create("Sell", "0", "100", **close)
    assert desk.position()["size"] == "0.000"


def test_a_reducing_order_needs_neither_money_nor_minimum_notional(desk: Any) -> None:
    desk.create("Buy", "2")
    desk.engine.world.accounts["u1"].wallet["USDT"] = D(15)
    assert code_of(desk.create, "Buy", "1", "99") == 110007
    desk.create("Sell", "0.001", "100", reduceOnly=True)
    desk.create("Sell", "1.5", "100", timeInForce="IOC")
    assert desk.position()["size"] == "0.499"
