"""Money of fills: spot coins, fees, rebates, self-match prevention."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.engine.settings import AccountConfig
from paper_exchange.types import Reject

D = Decimal


@pytest.fixture
def spot(make_desk: Any) -> Any:
    accounts = {"u1": AccountConfig("u1", balances={"USDT": D(1000), "BTC": D(1)})}
    desk = make_desk(accounts)
    desk.book(
        bids=[("100.0", "2"), ("99.9", "3")],
        asks=[("100.1", "1.5"), ("100.2", "3")],
        snapshot=True,
        category="spot",
    )
    return desk


def place(desk: Any, side: str, qty: str, price: str | None = None, **more: Any) -> str:
    return str(desk.create(side, qty, price, category="spot", **more))


def test_a_spot_market_buy_is_sized_in_quote_coin_by_default(spot: Any) -> None:
    row = spot.order(place(spot, "Buy", "200.2"), "spot")
    assert (row["orderStatus"], row["qty"], row["marketUnit"]) == ("Filled", "200.2", "quoteCoin")
    received = D(row["cumExecQty"])
    assert D(row["cumExecValue"]) <= D("200.2") < D(row["cumExecValue"]) + D("0.001")
    assert spot.cash("BTC") == 1 + received * D("0.999")
    assert spot.cash("USDT") == 1000 - D(row["cumExecValue"])
    assert row["cumFeeDetail"] == {"BTC": format(received * D("0.001"), "f").rstrip("0")}


def test_a_spot_sale_pays_its_fee_in_quote_coin(spot: Any) -> None:
    place(spot, "Sell", "1", "100")
    assert (spot.cash("BTC"), spot.cash("USDT")) == (0, 1000 + D("99.9"))


def test_spot_ids_are_numeric_and_a_link_id_is_filled_in(spot: Any) -> None:
    order = place(spot, "Buy", "1", "99")
    assert order.isdigit() and len(order) == 19
    assert spot.order(order, "spot")["orderLinkId"].isdigit()


def test_a_resting_spot_order_locks_its_coins_and_gives_them_back(spot: Any) -> None:
    order = place(spot, "Buy", "9", "99.5")
    [coin] = [c for c in spot.engine.wallet("u1")["coin"] if c["coin"] == "USDT"]
    assert coin["locked"] == "895.5"
    with pytest.raises(Reject) as caught:
        place(spot, "Buy", "2", "99.5")
    assert caught.value.ret_code == 170131
    spot.trade("99.5", "4", "Sell", category="spot")
    spot.cancel(order, "spot")
    assert spot.order(order, "spot")["orderStatus"] == "PartiallyFilledCanceled"
    assert spot.engine.world.accounts["u1"].locked["USDT"] == 0
    assert spot.cash("USDT") == 1000 - 4 * D("99.5")


def test_a_spot_post_only_that_would_take_is_rejected(spot: Any) -> None:
    row = spot.order(place(spot, "Buy", "1", "100.1", timeInForce="PostOnly"), "spot")
    assert row["orderStatus"] == "Rejected"


@pytest.mark.parametrize(
    ("code", "qty", "price"),
    [
        (170134, "1", "100.05"),
        (170137, "0.0000001", "100"),
        (170140, "0.01", "100"),
        (170193, "1", "200"),
        (170131, "2", None),
    ],
)
def test_spot_has_refusals_of_its_own(spot: Any, code: int, qty: str, price: str | None) -> None:
    side = "Sell" if price is None else "Buy"
    with pytest.raises(Reject) as caught:
        place(spot, side, qty, price)
    assert caught.value.ret_code == code


def test_a_maker_rebate_is_income(make_desk: Any) -> None:
    config = AccountConfig("u1", linear_maker_rate=D("-0.0001"))
    desk = make_desk({"u1": config})
    desk.book(bids=[("100", "1")], asks=[("101", "1")], snapshot=True)
    desk.create("Buy", "1", "100.5")
    desk.trade("100.5", "1", "Sell")
    assert desk.cash() == 100_000 + D("0.01005")


@pytest.mark.parametrize(
    ("smp", "maker", "taker"),
    [
        ("None", "Filled", "Filled"),
        ("CancelMaker", "Cancelled", "Filled"),
        ("CancelTaker", "New", "Cancelled"),
        ("CancelBoth", "Cancelled", "Cancelled"),
    ],
)
def test_self_match_prevention_follows_the_takers_setting(
    desk: Any, smp: str, maker: str, taker: str
) -> None:
    resting = desk.create("Sell", "0.5", "100.05".replace("05", "1"))
    desk.book(asks=[("100.1", "0")])
    order = desk.create("Buy", "0.5", "100.2", smpType=smp)
    assert desk.order(resting)["orderStatus"] == maker
    assert desk.order(order)["orderStatus"] == taker
    if maker == "Cancelled":
        row = desk.order(resting)
        assert (row["cancelType"], row["rejectReason"]) == ("CancelBySmp", "EC_BySelfMatch")


def test_a_flip_closes_and_opens_in_one_fill(desk: Any) -> None:
    desk.create("Buy", "1")
    desk.create("Sell", "1.5")
    row = desk.position()
    assert (row["side"], row["size"], row["avgPrice"]) == ("Sell", "0.500", "100")
    executions = desk.engine.executions("u1", {"category": "linear"}, desk.now)
    assert [e["closedSize"] for e in executions] == ["1.000", "0"]
    assert D(row["curRealisedPnl"]) < 0


def test_a_partial_close_realises_its_share_of_the_average_entry(desk: Any) -> None:
    desk.create("Buy", "3")  # 1.5 at 100.1 and 1.5 at 100.2
    desk.book(bids=[("101.0", "9")], asks=[], snapshot=True)
    desk.create("Sell", "1")
    [sale] = [e for e in desk.events("execution") if e["side"] == "Sell"]
    assert (sale["execPnl"], sale["closedSize"]) == ("0.85", "1.000")
    assert desk.position()["avgPrice"] == "100.15"
