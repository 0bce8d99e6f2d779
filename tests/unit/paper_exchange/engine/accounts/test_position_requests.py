"""Leverage, position mode and pre-check."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.types import Reject

D = Decimal
SCOPE = {"category": "linear", "symbol": "BTCUSDT"}


def leverage(desk: Any, value: str) -> None:
    params = {**SCOPE, "buyLeverage": value, "sellLeverage": value}
    desk.engine.set_leverage("u1", params, desk.now)


def mode(desk: Any, value: int, **scope: str) -> None:
    params = {"category": "linear", "mode": value, **(scope or {"symbol": "BTCUSDT"})}
    desk.engine.switch_mode("u1", params, desk.now)


def code_of(call: Any, *args: Any, **kwargs: Any) -> int:
    with pytest.raises(Reject) as caught:
        call(*args, **kwargs)
    return caught.value.ret_code


def test_leverage_changes_margin_and_is_refused_unchanged(desk: Any) -> None:
    desk.create("Buy", "1")
    before = D(desk.position()["positionIM"])
    leverage(desk, "20")
    assert desk.position()["leverage"] == "20"
    assert D(desk.position()["positionIM"]) < before * D("0.6")
    assert code_of(leverage, desk, "20") == 110043
    assert code_of(leverage, desk, "101") == 110013
    assert code_of(leverage, desk, "0.5") == 10001


def test_leverage_cannot_fall_below_what_the_money_covers(desk: Any) -> None:
    desk.engine.world.accounts["u1"].wallet["USDT"] = D(50)
    desk.create("Buy", "3")
    assert code_of(leverage, desk, "2") == 110044
    assert desk.position()["leverage"] == "10"


def test_hedge_mode_holds_both_sides_apart(desk: Any) -> None:
    mode(desk, 3)
    assert code_of(mode, desk, 3) == 110025
    assert code_of(desk.create, "Buy", "1") == 10001
    desk.create("Buy", "1", positionIdx=1)
    desk.create("Sell", "0.5", positionIdx=2)
    assert (desk.position(idx=1)["size"], desk.position(idx=2)["size"]) == ("1.000", "0.500")
    assert (desk.position(idx=1)["side"], desk.position(idx=2)["side"]) == ("Buy", "Sell")
    desk.create("Sell", "5", positionIdx=1)
    assert (desk.position(idx=1)["size"], desk.position(idx=2)["size"]) == ("0.000", "0.500")
    assert code_of(desk.create, "Sell", "1", positionIdx=1) == 110017
    assert code_of(mode, desk, 0) == 110024


def test_the_mode_cannot_be_switched_with_open_orders(desk: Any) -> None:
    order = desk.create("Buy", "1", "99")
    assert code_of(mode, desk, 3, symbol="BTCUSDT") == 110028
    desk.cancel(order)
    mode(desk, 3, symbol="BTCUSDT")
    assert len(desk.engine.positions("u1", SCOPE)) == 2


def test_by_coin_only_symbols_without_position_or_order_change_their_mode(desk: Any) -> None:
    order = desk.create("Buy", "1", "99")
    mode(desk, 3, coin="USDT")
    assert len(desk.engine.positions("u1", SCOPE)) == 1
    desk.cancel(order)
    mode(desk, 3, coin="USDT")
    assert len(desk.engine.positions("u1", SCOPE)) == 2
    mode(desk, 3, coin="USDT")  # unchanged is a success, by coin
    assert code_of(mode, desk, 3, symbol="BTCUSDT") == 110025


def test_pre_check_tells_the_margin_rates_and_places_nothing(desk: Any) -> None:
    params = {**SCOPE, "side": "Buy", "orderType": "Limit", "qty": "10", "price": "100"}
    row = desk.engine.pre_check("u1", params)
    assert (row["preImrE4"], row["preMmrE4"]) == (0, 0)
    assert row["postImrE4"] == 10  # 1000 x 10 % plus fees, of 100000
    assert desk.engine.open_orders("u1", SCOPE, desk.now) == []
    assert code_of(desk.engine.pre_check, "u1", {**params, "qty": "1100000"}) == 10001


def test_a_position_that_no_tier_allows_is_refused(desk: Any) -> None:
    desk.engine.world.accounts["u1"].wallet["USDT"] = D(10) ** 9
    leverage(desk, "100")
    desk.mark("100000")
    assert code_of(desk.create, "Buy", "21", "100000") == 110090
