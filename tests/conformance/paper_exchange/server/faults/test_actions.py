"""Every fault of the catalogue, as an unmodified pybit client meets it."""

import time
from decimal import Decimal
from typing import Any

import pytest
import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError

from tests.conformance.drivers import (
    SYMBOL,
    Frames,
    Sockets,
    below,
    http,
    new_link_id,
)
from tests.conformance.paper_exchange.server.faults.asking import (
    Api,
    market_buy,
    orders_and_executions,
    resting,
)
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.services


def arrived(api: Api, link_id: str) -> bool:
    return any(r["orderLinkId"] == link_id for r in api.journal("create"))


@pytest.mark.parametrize(
    ("fault", "options", "error", "effect"),
    [
        ("drop_before", {}, requests.exceptions.ReadTimeout, False),
        ("drop_after", {}, requests.exceptions.ReadTimeout, True),
        ("delay_after", {"ms": 600}, requests.exceptions.ReadTimeout, True),
        ("reset_before", {}, requests.exceptions.ConnectionError, False),
        ("reset_after", {}, requests.exceptions.ConnectionError, True),
        ("code_10000", {}, 10000, False),
        ("code_10000_effect", {}, 10000, True),
        ("code_10016", {}, 10016, False),
        ("code_10016_effect", {}, 10016, True),
        ("code_10002", {}, 10002, False),
        ("rate_limit", {}, 10006, False),
        ("rate_limit_past", {}, 10006, False),
        ("rate_limit_no_header", {}, 10006, False),
        ("http_429", {}, 429, False),
        ("http_403", {"seconds": 0.2}, 403, False),
        ("http_500", {}, 500, False),
        ("http_500_effect", {}, 500, True),
        ("html", {}, 409, False),
        ("html_effect", {}, 409, True),
        ("truncated_json", {}, 409, True),
        ("auth_refusal", {"code": 33004}, 33004, False),
        ("connect_refuse", {}, requests.exceptions.ConnectionError, False),
    ],
)
def test_a_fault_of_the_request_shows_and_takes_effect_or_not(
    paper_exchange: Api,
    fault: str,
    options: dict[str, float],
    error: type[Exception] | int,
    effect: bool,
) -> None:
    # Short where no answer comes, so long elsewhere that a busy machine answers in it.
    silent = error is requests.exceptions.ReadTimeout
    session = http(paper_exchange, timeout=0.3 if silent else PATIENCE_SECONDS)
    order = resting(http(paper_exchange))
    paper_exchange.fault(fault, **({"n": 1} if fault != "connect_refuse" else {}), **options)
    expected = (FailedRequestError, InvalidRequestError) if isinstance(error, int) else error
    with pytest.raises(expected) as raised:
        session.place_order(**order)
    if isinstance(error, int):
        assert raised.value.status_code == error  # type: ignore[union-attr]
    paper_exchange.clear_faults()
    if effect:
        eventually(lambda: arrived(paper_exchange, order["orderLinkId"]))
    else:
        assert not arrived(paper_exchange, order["orderLinkId"])
    if fault == "rate_limit_no_header":
        assert "X-Bapi-Limit-Reset-Timestamp" not in raised.value.resp_headers  # type: ignore[union-attr]


def test_a_clock_ahead_refuses_with_both_numbers(paper_exchange: Api) -> None:
    session = http(paper_exchange)
    paper_exchange.fault("clock_skew", ms=6000)
    with pytest.raises(InvalidRequestError) as refused:
        session.get_account_info()
    assert refused.value.status_code == 10002
    for part in ("req_timestamp[", "server_timestamp[", "recv_window[5000]"):
        assert part in refused.value.message
    assert session.get_server_time()["time"] > time.time() * 1000 + 5000


def test_records_may_lag_behind_the_streams(paper_exchange: Api) -> None:
    session = http(paper_exchange)
    paper_exchange.fault("realtime_lag", ms=3000)
    order = resting(session)
    session.place_order(**order)
    wanted = {"category": "linear", "orderLinkId": order["orderLinkId"]}
    assert not session.get_open_orders(**wanted)["result"]["list"]
    eventually(lambda: session.get_open_orders(**wanted)["result"]["list"])


def test_strict_decimals_refuse_zeros_behind_the_last_digit(paper_exchange: Api) -> None:
    session = http(paper_exchange)
    paper_exchange.fault("strict_decimals")
    price = Decimal(below(session)).normalize()
    order = resting(session) | {"qty": "0.01", "price": f"{price:f}"}
    for change in ({"qty": "0.010"}, {"price": f"{price:.2f}"}, {"qty": "00.01"}):
        with pytest.raises(InvalidRequestError) as refused:
            session.place_order(**(order | change))
        assert refused.value.status_code == 10001
    session.place_order(**order)
    with pytest.raises(InvalidRequestError):
        session.amend_order(
            category="linear", symbol=SYMBOL, orderLinkId=order["orderLinkId"], qty="0.020"
        )
    batch = [order | {"qty": qty, "orderLinkId": new_link_id()} for qty in ("0.010", "0.01")]
    reply = session.place_batch_order(category="linear", request=batch)
    assert [verdict["code"] for verdict in reply["retExtInfo"]["list"]] == [10001, 0]


def test_a_cache_restart_forgets_closed_orders_but_history_knows_them(paper_exchange: Api) -> None:
    session = http(paper_exchange)
    order_id = session.place_order(
        category="linear", symbol=SYMBOL, side="Buy", orderType="Market", qty="0.002"
    )["result"]["orderId"]
    wanted = {"category": "linear", "orderId": order_id}
    eventually(lambda: session.get_open_orders(**wanted)["result"]["list"])
    paper_exchange.fault("cache_restart")
    eventually(lambda: not session.get_open_orders(**wanted)["result"]["list"])
    assert session.get_order_history(**wanted)["result"]["list"]


def test_executions_come_twice_late_or_not_at_all(paper_exchange: Api, sockets: Sockets) -> None:
    session, frames = http(paper_exchange), orders_and_executions(sockets)

    def buy() -> str:
        """Frames come in the order of their events: the second order's follow the first one's."""
        first, second = new_link_id(), new_link_id()
        for link_id in (first, second):
            market_buy(session, link_id)
            frames.row("order", orderLinkId=link_id, orderStatus="Filled")
        return first

    def topics(link_id: str) -> list[str]:
        while not frames._queue.empty():
            frames.seen.append(frames._queue.get())
        rows = [(f["topic"], row) for f in frames.seen if "topic" in f for row in f["data"]]
        return [topic for topic, row in rows if row.get("orderLinkId") == link_id]

    paper_exchange.fault("duplicate_execution", n=1)
    twice = buy()
    eventually(lambda: topics(twice).count("execution") >= 2)
    paper_exchange.fault("late_execution", n=1)
    late = buy()
    eventually(lambda: topics(late)[:2] == ["order", "execution"])
    paper_exchange.fault("stream_gap", endpoint="execution", n=1)
    assert "execution" not in topics(buy())
    paper_exchange.fault("double_filled", n=1)
    doubled = buy()
    eventually(lambda: topics(doubled).count("order") == 2)


def test_strangers_trade_on_our_account_and_positions_are_taken(paper_exchange: Api) -> None:
    session = http(paper_exchange)

    def position() -> dict[str, Any]:
        rows = session.get_positions(category="linear", symbol=SYMBOL)["result"]["list"]
        return dict(rows[0])

    paper_exchange.fault("foreign_order", endpoint=SYMBOL)
    eventually(lambda: session.get_open_orders(category="linear", symbol=SYMBOL)["result"]["list"])
    paper_exchange.fault("foreign_position", endpoint=SYMBOL)
    size = eventually(lambda: (p := position())["side"] == "Buy" and p["size"])
    assert {r["origin"] for r in paper_exchange.journal("create")[-2:]} == {"foreign"}
    paper_exchange.fault("funding", endpoint=SYMBOL, rate=0.001)
    wanted = {"category": "linear", "symbol": SYMBOL, "execType": "Funding"}
    paid = eventually(lambda: session.get_executions(**wanted)["result"]["list"])[0]
    assert Decimal(paid["execFee"]) > 0
    assert position()["size"] == size
    paper_exchange.fault("adl", endpoint=SYMBOL)
    wanted["execType"] = "AdlTrade"
    eventually(lambda: session.get_executions(**wanted)["result"]["list"])
    assert 0 < Decimal(position()["size"]) < Decimal(size)
    paper_exchange.fault("liquidation", endpoint=SYMBOL)
    eventually(lambda: position()["side"] == "")
    wanted["execType"] = "BustTrade"
    assert session.get_executions(**wanted)["result"]["list"]


def test_sockets_fall_silent_close_abort_and_are_refused(
    paper_exchange: Api, sockets: Sockets
) -> None:
    frames = Frames()
    public = sockets.public(callback_function=frames)
    public.ticker_stream(SYMBOL, frames)
    frames.topic(f"tickers.{SYMBOL}")
    fault = paper_exchange.fault("ws_silence", endpoint="public")

    def silent() -> bool:
        """Nothing comes in the time of three frames; what was under way before is taken first."""
        while not frames._queue.empty():
            frames._queue.get()
        time.sleep(0.3)
        return frames._queue.empty()

    eventually(silent)
    paper_exchange.control("DELETE", f"faults/{fault['id']}")
    frames.topic(f"tickers.{SYMBOL}")
    for name in ("ws_close", "ws_abort"):
        paper_exchange.fault(name, endpoint="public", n=1)
        public.kline_stream({"ws_close": 1, "ws_abort": 3}[name], SYMBOL, frames)
        frames.wait(lambda f: f.get("op") == "subscribe")
    paper_exchange.fault("ws_refuse")
    with pytest.raises(Exception, match="connection"):
        sockets.public(retries=2, callback_function=frames)
