"""Order records are hidden, forgotten, or replaced by somebody else's."""

from decimal import Decimal
from typing import Any

import pytest
from pybit.unified_trading import HTTP

from tests.conformance.drivers import (
    SYMBOL,
    Sockets,
    http,
    new_link_id,
)
from tests.conformance.paper_exchange.server.faults.asking import (
    Api,
    market_buy,
    orders_and_executions,
    resting,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.services


def open_links(session: HTTP) -> set[str]:
    rows = session.get_open_orders(category="linear", symbol=SYMBOL, limit=50)["result"]["list"]
    return {row["orderLinkId"] for row in rows}


def test_a_young_order_is_hidden_from_the_lists_and_then_shown(paper_exchange: Api) -> None:
    session = http(paper_exchange)
    order = resting(session)
    fault = paper_exchange.fault("hidden_orders", endpoint=order["orderLinkId"], ms=3_600_000)
    session.place_order(**order)
    other = resting(session)
    session.place_order(**other)
    wanted = {"category": "linear", "orderLinkId": order["orderLinkId"]}
    eventually(lambda: other["orderLinkId"] in open_links(session))
    assert order["orderLinkId"] not in open_links(session)
    assert not session.get_open_orders(**wanted)["result"]["list"]
    paper_exchange.control("DELETE", f"faults/{fault['id']}")
    paper_exchange.fault("hidden_orders", endpoint=order["orderLinkId"], ms=1)
    eventually(lambda: session.get_open_orders(**wanted)["result"]["list"])


def test_a_forgotten_order_is_in_no_list_and_no_stream(
    paper_exchange: Api, sockets: Sockets
) -> None:
    session, frames = http(paper_exchange), orders_and_executions(sockets)
    forgotten, known = new_link_id(), new_link_id()
    paper_exchange.fault("forgotten_orders", endpoint=forgotten)
    for link_id in (forgotten, known):
        market_buy(session, link_id)
    # The known order was sent later: once its execution is here, the other's will not come.
    frames.wait(lambda f: f.get("topic") == "execution" and known in str(f))
    assert not [frame for frame in frames.seen if forgotten in str(frame)]
    for ask in (session.get_open_orders, session.get_order_history, session.get_executions):
        eventually(lambda ask=ask: ask(category="linear", orderLinkId=known)["result"]["list"])
        assert not ask(category="linear", orderLinkId=forgotten)["result"]["list"]


def test_somebody_elses_order_may_be_shown_under_our_id(paper_exchange: Api) -> None:
    session = http(paper_exchange)
    order = resting(session)
    session.place_order(**order)
    wanted = {"category": "linear", "orderLinkId": order["orderLinkId"]}

    def shown() -> dict[str, Any]:
        return dict(eventually(lambda: session.get_open_orders(**wanted)["result"]["list"])[0])

    ours = shown()
    paper_exchange.fault("ids_of_others", endpoint=order["orderLinkId"], factor=5)
    other = shown()
    assert (ours["side"], other["side"]) == ("Buy", "Sell")
    assert Decimal(other["qty"]) == 5 * Decimal(ours["qty"])
    assert int(other["createdTime"]) == int(ours["createdTime"]) - 86_400_000
    assert other["orderId"] != ours["orderId"]
