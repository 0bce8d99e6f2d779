"""Orders by socket: created, amended, cancelled and in batches."""

import queue
from typing import Any

import pytest
from pybit.unified_trading import HTTP

from tests.conformance.drivers import (
    SYMBOL,
    Sockets,
    below,
    new_link_id,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.services


def test_orders_by_socket_are_created_amended_cancelled_and_batched(
    session: HTTP, sockets: Sockets
) -> None:
    replies: queue.Queue[dict[str, Any]] = queue.Queue()
    trading = sockets.trading()
    price = below(session)
    order = {
        "category": "linear",
        "symbol": SYMBOL,
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.010",
        "price": price,
    }
    trading.place_order(replies.put, **order, orderLinkId=new_link_id())
    created = replies.get(timeout=60)
    assert created["retCode"] == 0
    assert created["op"] == "order.create"
    assert set(created["header"]) >= {"X-Bapi-Limit", "Traceid", "Timenow"}
    order_id = created["data"]["orderId"]
    known = {"category": "linear", "symbol": SYMBOL, "orderId": order_id}
    trading.amend_order(replies.put, **known, qty="0.020")
    assert replies.get(timeout=60)["op"] == "order.amend"
    eventually(lambda: session.get_open_orders(**known)["result"]["list"][0]["qty"] == "0.020")
    trading.cancel_order(replies.put, **known)
    assert replies.get(timeout=60)["op"] == "order.cancel"
    trading.cancel_order(replies.put, error_callback=replies.put, **known | {"orderId": "nobody"})
    refused = replies.get(timeout=60)
    assert refused["retCode"] == 110001
    assert refused["data"] == {}
    members = [{k: v for k, v in order.items() if k != "category"} for _ in range(2)]
    members[1]["qty"] = "1e5"
    trading.place_batch_order(replies.put, category="linear", request=members)
    batch = replies.get(timeout=60)
    assert [row["code"] for row in batch["retExtInfo"]["list"]] == [0, 10001]
    assert batch["data"]["list"][0]["orderId"]
    assert batch["data"]["list"][1]["orderId"] == ""
