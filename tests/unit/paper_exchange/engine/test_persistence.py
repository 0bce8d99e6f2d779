"""A snapshot carries everything over a restart, through JSON, exactly."""

import json
from typing import Any

import pytest

SCOPE = {"category": "linear", "symbol": "BTCUSDT"}
BOOK = {
    "bids": [("100.0", "2"), ("99.9", "3")],
    "asks": [("100.1", "1.5"), ("100.2", "9")],
    "snapshot": True,
}


def restarted(make_desk: Any, desk: Any) -> Any:
    state = json.loads(json.dumps(desk.engine.snapshot()))
    again = make_desk(effect_delay_ms=3)
    again.now = desk.now
    again.engine.restore(state)
    again.book(**BOOK)
    return again


@pytest.fixture
def busy(make_desk: Any) -> Any:
    """A desk with a position, exits, resting, waiting and pending orders on both categories."""
    desk = make_desk(effect_delay_ms=3)
    desk.book(**BOOK)
    desk.book(**BOOK, category="spot")
    desk.create("Buy", "1", takeProfit="103", stopLoss="98", orderLinkId="entry")
    desk.create("Buy", "1", "100.0", orderLinkId="bid")
    desk.create("Sell", "0.5", "102", reduceOnly=False)
    desk.create("Buy", "1", triggerPrice="101", triggerDirection=1)
    desk.create("Buy", "0.5", "99", category="spot")
    desk.wait(3)
    desk.create("Sell", "1", "102.5", reduceOnly=True)
    desk.events()
    return desk


def test_everything_that_can_be_asked_answers_the_same(make_desk: Any, busy: Any) -> None:
    again = restarted(make_desk, busy)
    again.book(**BOOK, category="spot")
    for ask in (
        lambda e, now: e.open_orders("u1", SCOPE, now),
        lambda e, now: e.open_orders("u1", {"category": "spot"}, now),
        lambda e, now: e.order_history("u1", SCOPE, now),
        lambda e, now: e.executions("u1", SCOPE, now),
        lambda e, now: e.positions("u1", SCOPE),
        lambda e, now: e.wallet("u1"),
        lambda e, now: e.transaction_log("u1", {}),
        lambda e, now: e.snapshot(),
    ):
        assert ask(again.engine, again.now) == ask(busy.engine, busy.now)


def test_orders_work_on_after_a_restart(make_desk: Any, busy: Any) -> None:
    again = restarted(make_desk, busy)
    again.wait(3)
    statuses = [e["orderStatus"] for e in again.events("order")]
    assert statuses == ["New"]  # the reduce-only order that was pending
    again.trade("100.0", "4", "Sell")
    [bid] = again.engine.open_orders("u1", {"category": "linear", "orderLinkId": "bid"}, again.now)
    assert bid["orderStatus"] == "Filled"
    again.trade("98", "1", "Sell")
    assert again.position()["size"] == "0.000"
    with pytest.raises(Exception, match="110072"):
        again.create("Buy", "1", "99", orderLinkId="entry")


def test_identifiers_go_on_where_they_stopped(make_desk: Any, busy: Any) -> None:
    known = set(busy.engine.world.accounts["u1"].orders)
    again = restarted(make_desk, busy)
    assert again.create("Buy", "1", "99") not in known


def test_a_snapshot_of_other_accounts_or_another_version_is_refused(
    make_desk: Any, busy: Any
) -> None:
    state = busy.engine.snapshot()
    with pytest.raises(ValueError, match="version"):
        make_desk().engine.restore({**state, "version": 0})
    with pytest.raises(ValueError, match="not configured"):
        make_desk().engine.restore({**state, "accounts": {"u9": {}}})
