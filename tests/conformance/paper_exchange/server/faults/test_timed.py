"""Faults that act on their own."""

import time
from decimal import Decimal
from typing import Any

import pytest
import requests
from pybit.exceptions import InvalidRequestError

from tests.conformance.drivers import (
    SYMBOL,
    Frames,
    Sockets,
    http,
)
from tests.conformance.paper_exchange.server.faults.asking import Api, resting
from tests.support.waiting import eventually

pytestmark = pytest.mark.services


def test_the_exchange_cancels_on_its_own(paper_exchange: Api) -> None:
    session = http(paper_exchange)
    for fault, kind in (
        ("forced_cancel_admin", "CancelByAdmin"),
        ("forced_cancel_reduce_only", "CancelByReduceOnly"),
        ("forced_cancel_liq", "CancelAllBeforeLiq"),
    ):
        paper_exchange.fault(fault, n=1, endpoint=SYMBOL)
        order_id = session.place_order(**resting(session))["result"]["orderId"]
        wanted = {"category": "linear", "orderId": order_id}

        def ended(wanted: dict[str, str] = wanted) -> Any:
            rows = session.get_order_history(**wanted)["result"]["list"]
            return rows and rows[0]

        assert eventually(ended)["cancelType"] == kind
    assert paper_exchange.journal("final")[-1]["forced"] is True


def test_instruments_change_and_change_back(paper_exchange: Api) -> None:
    session = http(paper_exchange)

    def rules() -> dict[str, Any]:
        rows = session.get_instruments_info(category="linear", symbol="SOLUSDT")["result"]["list"]
        return dict(rows[0])

    before = rules()
    tick = before["priceFilter"]["tickSize"]
    paper_exchange.fault("tick_change", endpoint="SOLUSDT")
    eventually(lambda: Decimal(rules()["priceFilter"]["tickSize"]) == 10 * Decimal(tick))
    paper_exchange.fault("delivering", endpoint="SOLUSDT")
    eventually(lambda: rules()["status"] == "Delivering")
    with pytest.raises(InvalidRequestError):
        session.place_order(
            category="linear", symbol="SOLUSDT", side="Buy", orderType="Market", qty="1"
        )
    paper_exchange.control(
        "POST",
        "actions/instrument_change",
        {"symbol": "SOLUSDT", "tick_size": tick, "status": "Trading"},
    )
    assert rules() == before


def test_the_exchange_may_vanish_after_a_partial_fill(
    paper_exchange: Api, sockets: Sockets
) -> None:
    session, frames = http(paper_exchange), Frames()
    sockets.private(callback_function=frames, retries=200).order_stream(frames)
    frames.wait(lambda f: f.get("op") == "subscribe")
    paper_exchange.fault("crash_after_partial_fill", seconds=0.5)
    paper_exchange.fill_next("0.3", symbol=SYMBOL)
    order = resting(session)
    session.place_order(**order)
    with pytest.raises(requests.exceptions.ConnectionError):
        for _ in range(200):
            session.get_server_time()
            time.sleep(0.01)
    frames.wait(lambda f: f.get("op") == "subscribe")
    wanted = {"category": "linear", "symbol": SYMBOL, "orderLinkId": order["orderLinkId"]}
    row = eventually(lambda: session.get_open_orders(**wanted)["result"]["list"])[0]
    assert row["orderStatus"] == "PartiallyFilled"
    assert 0 < Decimal(row["cumExecQty"]) < Decimal(row["qty"])
