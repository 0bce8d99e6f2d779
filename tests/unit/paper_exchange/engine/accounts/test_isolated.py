"""Isolated margin, and coins as collateral."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.persistence import dump
from paper_exchange.engine.settings import AccountConfig
from paper_exchange.types import Reject

D = Decimal
SCOPE = {"category": "linear", "symbol": "BTCUSDT"}
TAKER = D("0.00055")


def make(make_desk: Any, **balances: str) -> Any:
    money = {coin: D(amount) for coin, amount in balances.items()}
    desk = make_desk({"u1": AccountConfig("u1", balances=money)})
    desk.book(bids=[("100.0", "500")], asks=[("100.0", "500")], snapshot=True)
    desk.mark("100")
    return desk


@pytest.fixture
def isolated(make_desk: Any) -> Any:
    desk = make(make_desk, USDT="1000")
    desk.engine.set_margin_mode("u1", True, desk.now)
    return desk


def code_of(call: Any, *arguments: Any, **named: Any) -> int:
    with pytest.raises(Reject) as caught:
        call(*arguments, **named)
    return caught.value.ret_code


def test_an_isolated_position_is_liquidated_alone_at_its_shown_price(isolated: Any) -> None:
    isolated.create("Buy", "8", "100")
    liq = D(isolated.position()["liqPrice"])
    # Ten times leverage: the margin is a tenth of the entry value, and a part of it maintains.
    assert D("90") < liq < D("91")
    isolated.mark(str(liq + D("0.1")))
    assert isolated.position()["size"] == "8.000"
    cash = isolated.cash()
    isolated.mark(str(liq - D("0.1")))
    assert isolated.position()["size"] == "0.000"
    # It loses its own margin and no more, although the account has ten times as much.
    assert D("79") < cash - isolated.cash() < D("81")


@pytest.mark.parametrize("side", ["Buy", "Sell"])
def test_more_margin_moves_the_liquidation_price_away(isolated: Any, side: str) -> None:
    isolated.create(side, "8", "100")
    before = D(isolated.position()["liqPrice"])
    row = isolated.engine.add_margin("u1", {**SCOPE, "margin": "40"}, isolated.now)
    moved = D(row["liqPrice"]) - before
    assert D("4.9") < abs(moved) < D("5.2")
    assert (moved < 0) is (side == "Buy")
    add = isolated.engine.add_margin
    assert code_of(add, "u1", {**SCOPE, "margin": "-41"}, isolated.now) == 110044
    assert code_of(add, "u1", {**SCOPE, "margin": "100000"}, isolated.now) == 110044
    add("u1", {**SCOPE, "margin": "-40"}, isolated.now)
    assert D(isolated.position()["liqPrice"]) == before


def test_the_profit_of_a_position_is_no_margin_for_others(isolated: Any) -> None:
    isolated.create("Buy", "8", "100")
    free = isolated.engine.world.margin.account_margin(isolated.engine.world.account("u1")).free
    isolated.mark("150")
    after = isolated.engine.world.margin.account_margin(isolated.engine.world.account("u1")).free
    assert after == free
    assert isolated.engine.wallet("u1")["totalAvailableBalance"] == ""


def test_each_side_of_hedge_mode_has_its_leverage(isolated: Any) -> None:
    engine = isolated.engine
    engine.switch_mode("u1", {**SCOPE, "mode": 3}, isolated.now)
    both = {"buyLeverage": "5", "sellLeverage": "20"}
    engine.set_leverage("u1", {**SCOPE, **both}, isolated.now)
    isolated.create("Buy", "1", "100", positionIdx=1)
    isolated.create("Sell", "1", "100", positionIdx=2)
    long, short = (D(isolated.position(idx=idx)["liqPrice"]) for idx in (1, 2))
    assert D(80) < long < D(81)
    assert D(104) < short < D(105)
    isolated.mark("105")
    sizes = [isolated.position(idx=idx)["size"] for idx in (1, 2)]
    assert sizes == ["1.000", "0.000"]


def test_the_mode_changes_only_while_the_account_is_flat(isolated: Any) -> None:
    engine, now = isolated.engine, isolated.now
    engine.set_margin_mode("u1", True, now)  # unchanged
    order = isolated.create("Buy", "1", "99")
    assert code_of(engine.set_margin_mode, "u1", False, now) == 3400045
    isolated.cancel(order)
    engine.set_margin_mode("u1", False, now)
    isolated.create("Buy", "1", "100")
    assert code_of(engine.set_margin_mode, "u1", True, now) == 3400045
    assert code_of(engine.add_margin, "u1", {**SCOPE, "margin": "1"}, now) == 10001


def test_the_mode_and_the_extra_margin_survive_a_restart(isolated: Any) -> None:
    isolated.create("Buy", "8", "100")
    isolated.engine.add_margin("u1", {**SCOPE, "margin": "40"}, isolated.now)
    isolated.events()
    accounts = {"u1": AccountConfig("u1")}
    other = PaperEngine(list(isolated.specs.values()), accounts)
    other.restore(dump(isolated.engine.world))
    account = other.world.account("u1")
    assert (account.isolated, account.positions["BTCUSDT", 0].extra) == (True, 40)


def test_coins_are_margin_by_their_value_and_ratio(make_desk: Any) -> None:
    desk = make(make_desk, BTC="10")
    desk.book(bids=[("99.9", "5")], asks=[("100.1", "5")], snapshot=True, category="spot")
    wallet = desk.engine.wallet("u1")
    assert D(wallet["totalMarginBalance"]) == D("850")
    assert D(wallet["totalEquity"]) == D("1000")
    desk.create("Buy", "50", "100")
    assert code_of(desk.engine.set_collateral, "u1", "BTC", False, desk.now) == 110044
    assert code_of(desk.engine.set_collateral, "u1", "USDT", False, desk.now) == 10001
    assert code_of(desk.engine.set_collateral, "u1", "DOGE", True, desk.now) == 10001


def test_the_fall_of_a_collateral_coin_liquidates(make_desk: Any) -> None:
    desk = make(make_desk, BTC="1")
    desk.book(bids=[("99.9", "5")], asks=[("100.1", "5")], snapshot=True, category="spot")
    desk.create("Buy", "7", "100")
    desk.book(bids=[("60.0", "5")], asks=[("60.2", "5")], snapshot=True, category="spot")
    assert desk.position()["size"] == "7.000"
    desk.book(bids=[("2.0", "5")], asks=[("2.2", "5")], snapshot=True, category="spot")
    assert desk.position()["size"] == "0.000"
    desk.book(bids=[("1.9", "5")], asks=[("2.1", "5")], snapshot=True, category="spot")
    assert not desk.engine.world.market("spot", "BTCUSDT").holders  # nothing is watched any more


def test_a_coin_that_is_switched_off_counts_for_nothing(make_desk: Any) -> None:
    desk = make(make_desk, BTC="10", USDT="100")
    desk.engine.set_collateral("u1", "BTC", False, desk.now)
    wallet = desk.engine.wallet("u1")
    assert D(wallet["totalMarginBalance"]) == 100
    switches = {row["coin"]: row["collateralSwitch"] for row in wallet["coin"]}
    assert switches == {"BTC": False, "USDT": True}
    desk.engine.set_collateral("u1", "BTC", True, desk.now)
    assert D(desk.engine.wallet("u1")["totalMarginBalance"]) == 950
