"""Cancelling by id, link and scope."""

from typing import Any

import pytest

from paper_exchange.types import Reject

SCOPE = {"category": "linear", "symbol": "BTCUSDT"}


def test_an_order_is_found_by_its_link_id_and_the_order_id_wins(desk: Any) -> None:
    first = desk.create("Buy", "1", "99", orderLinkId="one")
    second = desk.create("Buy", "1", "98", orderLinkId="two")
    reply = desk.engine.cancel_order(
        "u1", {**SCOPE, "orderId": first, "orderLinkId": "two"}, desk.now
    )
    assert reply == {"orderId": first, "orderLinkId": "one"}
    desk.engine.cancel_order("u1", {**SCOPE, "orderLinkId": "two"}, desk.now)
    assert desk.order(second)["orderStatus"] == "Cancelled"


@pytest.mark.parametrize("params", [{}, {"orderId": "x"}, {"orderLinkId": "x"}])
def test_an_unknown_order_cannot_be_cancelled(desk: Any, params: dict[str, str]) -> None:
    with pytest.raises(Reject) as caught:
        desk.engine.cancel_order("u1", {**SCOPE, **params}, desk.now)
    assert caught.value.ret_code == (110001 if params else 10001)


def test_another_accounts_order_is_out_of_reach(desk: Any) -> None:
    order = desk.create("Buy", "1", "99", uid="u2")
    with pytest.raises(Reject):
        desk.cancel(order)


def test_an_order_may_be_cancelled_before_it_takes_effect(make_desk: Any) -> None:
    desk = make_desk(effect_delay_ms=5)
    desk.book(bids=[("100", "1")], asks=[("101", "1")], snapshot=True)
    order = desk.create("Buy", "1", "99")
    desk.cancel(order)
    desk.wait(5)
    assert [e["orderStatus"] for e in desk.events("order")] == ["New", "Cancelled"]
    assert desk.order(order)["orderStatus"] == "Cancelled"


@pytest.mark.parametrize(
    ("params", "left"),
    [
        ({"symbol": "BTCUSDT"}, set()),
        ({"baseCoin": "BTC"}, set()),
        ({"settleCoin": "USDC"}, {"Stop", ""}),
        ({"settleCoin": "USDT", "orderFilter": "StopOrder"}, {""}),
        ({"settleCoin": "USDT", "orderFilter": "Order"}, {"Stop"}),
        ({"symbol": "BTCUSDT", "stopOrderType": "Stop"}, {""}),
    ],
)
def test_cancel_all_takes_what_its_scope_names(
    desk: Any, params: dict[str, str], left: set[str]
) -> None:
    desk.create("Buy", "1", "99")
    desk.create("Buy", "1", triggerPrice="105", triggerDirection=1)
    desk.create("Buy", "1", "99", uid="u2")
    desk.engine.cancel_all("u1", {"category": "linear", **params}, desk.now)
    rows = desk.engine.open_orders("u1", SCOPE, desk.now)
    assert {row["stopOrderType"] for row in rows} == left
    assert len(desk.engine.open_orders("u2", SCOPE, desk.now)) == 1


def test_cancel_all_of_futures_needs_a_scope(desk: Any) -> None:
    with pytest.raises(Reject):
        desk.engine.cancel_all("u1", {"category": "linear"}, desk.now)


def test_a_jitter_delays_by_its_mean_and_keeps_an_accounts_order(make_desk: Any) -> None:
    desk = make_desk(effect_delay_ms=3, effect_jitter_ms=20.0, max_active_orders=1000)
    desk.book(bids=[("100", "9")], asks=[("101", "9")], snapshot=True)
    delays = []
    for _ in range(300):
        sent, order = desk.now, desk.create("Buy", "0.1", "99")
        while not desk.engine.world.accounts["u1"].orders[order].status:
            desk.wait(1)
        delays.append(desk.now - sent)
    assert min(delays) >= 3
    assert 15 < sum(delays) / len(delays) - 3 < 25
    burst = [desk.create("Buy", "0.1", "99") for _ in range(50)]
    desk.events()
    desk.wait(1000)
    assert [row["orderId"] for row in desk.events("order")] == burst


def test_the_share_of_cancels_that_moves_us_up_is_a_setting(make_desk: Any) -> None:
    for share, left in ((1, 1000), (0, 2000)):
        desk = make_desk(cancel_front_share=share)
        desk.book(bids=[("100", "2")], asks=[("101", "9")], snapshot=True)
        order = desk.engine.world.accounts["u1"].orders[desk.create("Buy", "1", "100")]
        desk.book(bids=[("100", "4")])
        desk.book(bids=[("100", "2")])
        assert order.ahead == left
