"""Liquidation, forced and by margin."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.engine.settings import AccountConfig
from paper_exchange.types import Reject

D = Decimal


@pytest.fixture
def small(make_desk: Any) -> Any:
    """An account of 100 USDT with a long of 8 at about 100, ten times its money."""
    accounts = {uid: AccountConfig(uid, balances={"USDT": D(100)}) for uid in ("u1", "u2")}
    desk = make_desk(accounts)
    desk.book(bids=[("100.0", "50")], asks=[("100.0", "50")], snapshot=True)
    desk.mark("100")
    desk.create("Buy", "8", "100")
    desk.events()
    return desk


def test_at_maintenance_margin_orders_are_cancelled_and_the_position_is_taken_over(
    small: Any,
) -> None:
    order = small.create("Buy", "0.1", "90")
    liq = D(small.position()["liqPrice"])
    small.events()
    small.mark(str(liq + D("0.5")))
    assert small.position()["size"] == "8.000"
    small.mark(str(liq - D("0.1")))
    executions = small.events("execution")
    assert [e["execType"] for e in executions] == ["BustTrade"]
    assert small.order(order)["cancelType"] == "CancelAllBeforeLiq"
    assert small.position()["size"] == "0.000"
    assert D(0) <= small.cash() < D("0.9")  # all but the rounding of the bankruptcy price


@pytest.mark.parametrize("side", ["Buy", "Sell"])
def test_the_shown_liquidation_price_is_where_it_happens(make_desk: Any, side: str) -> None:
    desk = make_desk({"u1": AccountConfig("u1", balances={"USDT": D(100)})})
    desk.book(bids=[("100.0", "50")], asks=[("100.0", "50")], snapshot=True)
    desk.mark("100")
    desk.create(side, "8", "100")
    liq = D(desk.position()["liqPrice"])
    inward = D("0.1") if side == "Buy" else D("-0.1")
    desk.mark(str(liq + inward))
    assert desk.position()["size"] == "8.000"
    desk.mark(str(liq - inward))
    assert desk.position()["size"] == "0.000"


def test_a_gap_beyond_bankruptcy_leaves_no_debt(small: Any) -> None:
    small.mark("50")
    assert small.position()["size"] == "0.000"
    assert D(0) <= small.cash() < D("0.9")


def test_without_marks_the_mid_liquidates(make_desk: Any) -> None:
    desk = make_desk({"u1": AccountConfig("u1", balances={"USDT": D(100)})})
    desk.book(bids=[("100.0", "50")], asks=[("100.0", "50")], snapshot=True)
    desk.create("Buy", "8", "100")
    desk.book(bids=[("80.0", "50")], asks=[("80.1", "50")], snapshot=True)
    assert desk.position()["size"] == "0.000"


def test_a_forced_liquidation_closes_at_mark(small: Any) -> None:
    small.engine.force_liquidation("u1", "BTCUSDT")
    [row] = small.events("execution")
    assert (row["execType"], row["execPrice"], row["execQty"]) == ("BustTrade", "100", "8.000")
    with pytest.raises(Reject):
        small.engine.force_liquidation("u1", "BTCUSDT")


def test_auto_deleveraging_takes_a_part(small: Any) -> None:
    small.engine.force_adl("u1", "BTCUSDT", "3")
    [row] = small.events("execution")
    assert (row["execType"], row["execQty"]) == ("AdlTrade", "3.000")
    assert small.position()["size"] == "5.000"


def test_margin_in_use_is_not_free_for_another_order(small: Any) -> None:
    free = D(small.engine.wallet("u1")["totalAvailableBalance"])
    with pytest.raises(Reject) as caught:
        small.create("Buy", "3", "100")
    assert caught.value.ret_code == 110007
    assert D(small.engine.wallet("u1")["totalAvailableBalance"]) == free
    small.create("Sell", "16", "100.0", timeInForce="IOC")
    assert small.position()["side"] == "Sell"


def test_the_last_cent_of_free_margin_may_be_used_and_no_more(make_desk: Any) -> None:
    # 10 x 100 at 10x: 100 margin, 0.495 to close at bankruptcy, 0.55 to open
    for balance, accepted in (("101.045", True), ("101.044", False)):
        desk = make_desk({"u1": AccountConfig("u1", balances={"USDT": D(balance)})})
        desk.book(bids=[("99.0", "50")], asks=[("100.1", "50")], snapshot=True)
        desk.mark("100")
        if accepted:
            desk.create("Buy", "10", "100")
            assert desk.engine.wallet("u1")["totalAvailableBalance"] == "0"
        else:
            with pytest.raises(Reject):
                desk.create("Buy", "10", "100")
