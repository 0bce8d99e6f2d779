"""Every fault of the catalogue, as an unmodified pybit client meets it."""

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import (
    SYMBOL,
    Frames,
    Sockets,
    below,
    http,
    new_link_id,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

Api = PaperExchangeProcess


def resting(session: HTTP) -> dict[str, Any]:
    return {
        "category": "linear",
        "symbol": SYMBOL,
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.010",
        "price": below(session),
        "orderLinkId": new_link_id(),
    }


def market_buy(session: HTTP, link_id: str) -> None:
    session.place_order(
        category="linear",
        symbol=SYMBOL,
        side="Buy",
        orderType="Market",
        qty="0.002",
        orderLinkId=link_id,
    )


def orders_and_executions(sockets: Sockets) -> Frames:
    """The frames of both private streams, once both are subscribed."""
    frames = Frames()
    private = sockets.private(callback_function=frames)
    private.order_stream(frames)
    private.execution_stream(frames)
    for _ in range(2):
        frames.wait(lambda f: f.get("op") == "subscribe")
    return frames


def open_links(session: HTTP) -> set[str]:
    rows = session.get_open_orders(category="linear", symbol=SYMBOL, limit=50)["result"]["list"]
    return {row["orderLinkId"] for row in rows}


def arrived(api: Api, link_id: str) -> bool:
    return any(r["orderLinkId"] == link_id for r in api.journal("create"))


@pytest.fixture(autouse=True)
def pardon(paper_exchange: Api) -> Iterator[None]:
    yield
    paper_exchange.clear_faults()
    paper_exchange.control("POST", "actions/pardon")


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
    session = http(paper_exchange, timeout=0.3)
    order = resting(http(paper_exchange))
    paper_exchange.fault(fault, **({"n": 1} if fault != "connect_refuse" else {}), **options)
    expected = (FailedRequestError, InvalidRequestError) if isinstance(error, int) else error
    with pytest.raises(expected) as raised:
        session.place_order(**order)
    if isinstance(error, int):
        assert raised.value.status_code == error  # type: ignore[union-attr]
    paper_exchange.clear_faults()
    assert arrived(paper_exchange, order["orderLinkId"]) is effect
    if fault == "rate_limit_no_header":
        assert "X-Bapi-Limit-Reset-Timestamp" not in raised.value.resp_headers  # type: ignore[union-attr]


def test_a_fault_has_an_endpoint_a_probability_and_a_count(paper_exchange: Api) -> None:
    session = http(paper_exchange)
    paper_exchange.fault("code_10016", endpoint="order/*", p=0.5, n=3, seed=3)
    codes = []
    for _ in range(20):
        session.get_wallet_balance(accountType="UNIFIED")
        try:
            session.get_open_orders(category="linear", symbol=SYMBOL)
            codes.append(0)
        except InvalidRequestError as refusal:
            codes.append(refusal.status_code)
    assert codes.count(10016) == 3
    assert 0 in codes[: codes.index(10016) + 6]
    with pytest.raises(RuntimeError, match="unknown fault"):
        paper_exchange.fault("no_such_fault")


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
    paper_exchange.fault("realtime_lag", ms=700)
    order = resting(session)
    session.place_order(**order)
    wanted = {"category": "linear", "orderLinkId": order["orderLinkId"]}
    time.sleep(0.1)
    assert not session.get_open_orders(**wanted)["result"]["list"]
    eventually(lambda: session.get_open_orders(**wanted)["result"]["list"])


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
        link_id = new_link_id()
        market_buy(session, link_id)
        frames.row("order", orderLinkId=link_id, orderStatus="Filled")
        time.sleep(0.05)
        return link_id

    def topics(link_id: str) -> list[str]:
        while not frames._queue.empty():
            frames.seen.append(frames._queue.get())
        rows = [(f["topic"], row) for f in frames.seen if "topic" in f for row in f["data"]]
        return [topic for topic, row in rows if row.get("orderLinkId") == link_id]

    paper_exchange.fault("duplicate_execution", n=1)
    assert topics(buy()).count("execution") >= 2
    paper_exchange.fault("late_execution", n=1)
    assert topics(buy())[:2] == ["order", "execution"]
    paper_exchange.fault("stream_gap", endpoint="execution", n=1)
    assert "execution" not in topics(buy())
    paper_exchange.fault("double_filled", n=1)
    assert topics(buy()).count("order") == 2


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
    time.sleep(0.15)
    while not frames._queue.empty():
        frames._queue.get()
    time.sleep(0.3)
    assert frames._queue.empty()
    paper_exchange.control("DELETE", f"faults/{fault['id']}")
    frames.topic(f"tickers.{SYMBOL}")
    for name in ("ws_close", "ws_abort"):
        paper_exchange.fault(name, endpoint="public", n=1)
        public.kline_stream({"ws_close": 1, "ws_abort": 3}[name], SYMBOL, frames)
        frames.wait(lambda f: f.get("op") == "subscribe")
    paper_exchange.fault("ws_refuse")
    with pytest.raises(Exception, match="connection"):
        sockets.public(retries=2, callback_function=frames)


def taking(session: HTTP, attempts: int = 20) -> Iterator[dict[str, Any]]:
    """Orders that take the best offer and a little more, one after the other."""
    for _ in range(attempts):
        best = session.get_orderbook(category="linear", symbol=SYMBOL, limit=1)["result"]["a"][0]
        qty = format(Decimal(best[1]) + Decimal("0.001"), "f")
        order = resting(session) | {"price": best[0], "qty": qty, "timeInForce": "IOC"}
        session.place_order(**order)
        yield order


def vanishes(session: HTTP) -> bool:
    """Whether the exchange is gone within half a second."""
    try:
        for _ in range(50):
            session.get_server_time()
            time.sleep(0.01)
    except requests.exceptions.ConnectionError:
        return True
    return False


def test_the_exchange_may_vanish_after_a_partial_fill(
    paper_exchange: Api, sockets: Sockets
) -> None:
    session, frames = http(paper_exchange), Frames()
    sockets.private(callback_function=frames, retries=200).order_stream(frames)
    frames.wait(lambda f: f.get("op") == "subscribe")
    paper_exchange.fault("crash_after_partial_fill", seconds=0.5)
    # The market may move between the look and the order, which then fills nothing or everything.
    order = next(order for order in taking(session) if vanishes(session))
    frames.wait(lambda f: f.get("op") == "subscribe")
    wanted = {"category": "linear", "orderLinkId": order["orderLinkId"]}
    row = eventually(lambda: session.get_order_history(**wanted)["result"]["list"])[0]
    assert row["orderStatus"] == "Cancelled"
    assert 0 < Decimal(row["cumExecQty"]) < Decimal(row["qty"])
