"""What can be queried when: lags, caches, retention, filters."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.engine.settings import AccountConfig
from paper_exchange.types import Reject

D = Decimal
SCOPE = {"category": "linear", "symbol": "BTCUSDT"}
DAY = 86_400_000


def test_open_orders_come_newest_first_and_need_a_scope(desk: Any) -> None:
    first, second = desk.create("Buy", "1", "99"), desk.create("Buy", "1", "98")
    rows = desk.engine.open_orders("u1", SCOPE, desk.now)
    assert [row["orderId"] for row in rows] == [second, first]
    with pytest.raises(Reject):
        desk.engine.open_orders("u1", {"category": "linear"}, desk.now)
    assert desk.engine.open_orders("u1", {**SCOPE, "symbol": "ETHUSDT"}, desk.now) == []


def test_closed_orders_show_until_the_cache_restarts(make_desk: Any) -> None:
    desk = make_desk(closed_order_cache=2)
    desk.book(bids=[("100", "1")], asks=[("101", "1")], snapshot=True)
    ids = [desk.create("Buy", "1", "99", timeInForce="IOC") for _ in range(3)]
    closed = {**SCOPE, "openOnly": "1"}
    rows = desk.engine.open_orders("u1", closed, desk.now)
    assert [row["orderId"] for row in rows] == ids[:0:-1]
    desk.engine.restart_cache()
    by_id = {"category": "linear", "orderId": ids[2]}
    assert desk.engine.open_orders("u1", by_id, desk.now) == []
    assert len(desk.engine.order_history("u1", by_id, desk.now)) == 1


def test_realtime_and_history_show_the_past_under_their_lags(make_desk: Any) -> None:
    desk = make_desk(realtime_lag_ms=100, history_lag_ms=500)
    desk.book(bids=[("100", "1")], asks=[("101", "1")], snapshot=True)
    order = desk.create("Buy", "1", "100")
    named = {"category": "linear", "orderId": order}
    assert desk.engine.open_orders("u1", named, desk.now) == []
    desk.wait(100)
    assert desk.order(order)["orderStatus"] == "New"
    desk.trade("99", "1", "Sell")
    assert desk.order(order)["orderStatus"] == "New"
    assert len(desk.engine.open_orders("u1", SCOPE, desk.now)) == 1
    desk.wait(100)
    assert desk.order(order)["orderStatus"] == "Filled"
    assert desk.engine.order_history("u1", named, desk.now) == []
    assert desk.engine.executions("u1", named, desk.now) == []
    desk.wait(400)
    assert desk.engine.order_history("u1", named, desk.now)[0]["orderStatus"] == "Filled"
    assert len(desk.engine.executions("u1", named, desk.now)) == 1


def test_a_lag_that_is_switched_on_hides_only_what_comes_after(desk: Any) -> None:
    old = desk.create("Buy", "1", "99")
    desk.engine.set_delays(realtime_lag_ms=1000)
    new = desk.create("Buy", "1", "98")
    rows = desk.engine.open_orders("u1", SCOPE, desk.now)
    assert [row["orderId"] for row in rows] == [old]
    desk.wait(1000)
    assert desk.order(new)["orderStatus"] == "New"


def test_unfilled_orders_are_gone_after_a_day_and_filled_ones_after_the_retention(
    desk: Any,
) -> None:
    unfilled = desk.create("Buy", "1", "99", timeInForce="IOC")
    filled = desk.create("Buy", "1")
    orders = desk.engine.world.accounts["u1"].orders
    desk.wait(DAY + 1)
    rows = desk.engine.order_history("u1", SCOPE, desk.now)
    assert [row["orderId"] for row in rows] == [filled]
    desk.engine.restart_cache()
    desk.wait(3_600_000)
    assert unfilled not in orders
    desk.wait(5 * DAY)
    window = {**SCOPE, "startTime": "0", "endTime": str(7 * DAY)}
    assert len(desk.engine.order_history("u1", window, desk.now)) == 1
    assert len(desk.engine.executions("u1", window, desk.now)) == 1
    desk.wait(DAY)
    assert desk.engine.order_history("u1", window, desk.now) == []
    assert desk.engine.executions("u1", window, desk.now) == []
    assert filled not in orders
    with pytest.raises(Reject):
        desk.engine.executions("u1", {**window, "endTime": str(8 * DAY)}, desk.now)


def test_executions_are_filtered_and_newest_first(desk: Any) -> None:
    desk.create("Buy", "2", orderLinkId="one")
    desk.wait(5)
    desk.create("Sell", "1")
    rows = desk.engine.executions("u1", SCOPE, desk.now)
    assert [row["side"] for row in rows] == ["Sell", "Buy", "Buy"]
    named = desk.engine.executions("u1", {"category": "linear", "orderLinkId": "one"}, desk.now)
    assert [row["execPrice"] for row in named] == ["100.2", "100.1"]
    assert len({row["execId"] for row in rows}) == 3


def test_positions_by_coin_list_only_open_ones(desk: Any) -> None:
    assert desk.position()["side"] == ""
    by_coin = {"category": "linear", "settleCoin": "USDT"}
    assert desk.engine.positions("u1", by_coin) == []
    desk.create("Buy", "1")
    assert [row["size"] for row in desk.engine.positions("u1", by_coin)] == ["1.000"]


def test_closed_pnl_has_one_row_per_closing_order_with_both_fees(desk: Any) -> None:
    desk.create("Buy", "1")
    desk.book(bids=[("105.0", "0.5"), ("104.0", "5")], asks=[], snapshot=True)
    desk.create("Sell", "1")
    [row] = desk.engine.closed_pnl("u1", SCOPE)
    fees = D("100.1") * D("0.00055") + D("104.5") * D("0.00055")
    assert D(row["closedPnl"]) == (D("4.4") - fees).quantize(D("0.00000001"))
    assert (row["avgEntryPrice"], row["avgExitPrice"], row["fillCount"]) == ("100.1", "104.5", "2")
    assert D(row["openFee"]) + D(row["closeFee"]) == fees.quantize(D("0.00000001"))


def test_an_unknown_account_is_refused_as_an_invalid_key(desk: Any) -> None:
    with pytest.raises(Reject) as caught:
        desk.engine.wallet("nobody")
    assert caught.value.ret_code == 10003


def test_the_size_of_a_position_is_signed(desk: Any) -> None:
    assert format(desk.engine.position_size("u1", "BTCUSDT", 0), "f") == "0.000"
    desk.create("Sell", "1.5")
    assert format(desk.engine.position_size("u1", "BTCUSDT", 0), "f") == "-1.500"
    assert desk.engine.position_size("u1", "BTCUSDT", 1) == 0
    with pytest.raises(Reject):
        desk.engine.position_size("u1", "NONEUSDT", 0)


def test_hedge_mode_has_a_size_for_each_side(make_desk: Any) -> None:
    desk = make_desk({"u1": AccountConfig("u1", position_mode="hedge")})
    desk.book([("100.0", "2")], [("100.1", "2")], snapshot=True)
    desk.create("Buy", "1", positionIdx=1)
    desk.create("Sell", "0.4", positionIdx=2)
    sizes = [desk.engine.position_size("u1", "BTCUSDT", idx) for idx in (0, 1, 2, 3)]
    assert sizes == [0, 1, D("-0.4"), 0]
