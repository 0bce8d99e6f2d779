"""Private records are told in their order, also under the name of their category."""

from typing import Any

import pytest
from pybit.unified_trading import HTTP

from tests.conformance.drivers import (
    SYMBOL,
    Frames,
    Sockets,
    new_link_id,
)

pytestmark = pytest.mark.services


def unused(_: Any) -> None:
    raise AssertionError("callback_function takes all frames")


def test_an_orders_life_is_told_in_order(session: HTTP, sockets: Sockets) -> None:
    frames = Frames()
    private = sockets.private(callback_function=frames)
    private.order_stream(unused)
    private.execution_stream(unused)
    private.fast_execution_stream(unused)
    private.position_stream(unused)
    private.wallet_stream(unused)
    frames.wait(lambda f: f.get("op") == "auth" and f["success"] is True)
    for _ in range(5):
        frames.wait(lambda f: f.get("op") == "subscribe" and f["success"] is True)
    link_id = new_link_id()
    session.place_order(
        category="linear",
        symbol=SYMBOL,
        side="Buy",
        orderType="Market",
        qty="0.002",
        orderLinkId=link_id,
    )
    fast = frames.row("execution.fast", orderLinkId=link_id)
    assert fast["category"] == "linear"
    assert "execFee" not in fast
    execution = frames.row("execution", orderLinkId=link_id)
    assert execution["execId"] == fast["execId"]
    order = frames.row("order", orderLinkId=link_id, orderStatus="Filled")
    assert order["category"] == "linear"
    position = frames.row("position", symbol=SYMBOL, side="Buy")
    assert "entryPrice" in position
    frames.topic("wallet")


def test_categorised_topics_come_under_their_own_name(session: HTTP, sockets: Sockets) -> None:
    frames = Frames()
    private = sockets.private(callback_function=frames)
    private.subscribe("order.linear", unused, "")
    private.subscribe("execution.spot", unused, "")
    for _ in range(2):
        frames.wait(lambda f: f.get("op") == "subscribe" and f["success"] is True)
    session.place_order(
        category="linear", symbol=SYMBOL, side="Buy", orderType="Market", qty="0.002"
    )
    frames.row("order.linear", orderStatus="Filled")
    assert not [f for f in frames.seen if f.get("topic") in ("order", "execution.spot")]
