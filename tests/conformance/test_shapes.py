"""Every answer and stream record has Bybit's field names and JSON types."""

from typing import Any

import pytest
from pybit.unified_trading import HTTP

from tests.conformance import shapes
from tests.conformance.drivers import SYMBOL, Frames, Sockets, below, new_link_id
from tests.conformance.shapes import check
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

LINEAR = {"category": "linear", "symbol": SYMBOL}
SPOT = {"category": "spot", "symbol": SYMBOL}


@pytest.mark.parametrize(
    ("method", "arguments", "shape"),
    [
        ("get_instruments_info", LINEAR, {"list": [shapes.LINEAR_INSTRUMENT]}),
        ("get_instruments_info", SPOT, {"list": [shapes.SPOT_INSTRUMENT]}),
        ("get_tickers", LINEAR, {"category": str, "list": [shapes.LINEAR_TICKER]}),
        ("get_tickers", {"category": "spot"}, {"list": [shapes.SPOT_TICKER]}),
        ("get_orderbook", LINEAR | {"limit": 200}, shapes.ORDERBOOK),
        ("get_public_trade_history", LINEAR, {"list": [shapes.RECENT_TRADE]}),
        ("get_kline", LINEAR | {"interval": "5"}, {"symbol": str, "list": [[shapes.NUMBER]]}),
        ("get_price_limit", LINEAR, shapes.texts("symbol") | shapes.numbers("buyLmt sellLmt ts")),
        ("get_risk_limit", LINEAR, {"list": [shapes.RISK_TIER]}),
        ("get_funding_rate_history", LINEAR, {"category": str, "list": list}),
        ("get_system_status", {}, {"list": list}),
        ("get_positions", LINEAR, {"category": str, "list": [shapes.POSITION]}),
        ("get_wallet_balance", {"accountType": "UNIFIED"}, {"list": [shapes.WALLET]}),
        (
            "get_account_info",
            {},
            {"unifiedMarginStatus": int, "marginMode": str, "isMasterTrader": bool},
        ),
        (
            "get_fee_rates",
            LINEAR,
            {"list": [{"symbol": str} | shapes.numbers("takerFeeRate makerFeeRate")]},
        ),
        (
            "get_api_key_information",
            {},
            {"readOnly": int, "permissions": dict, "ips": list, "deadlineDay": int, "uta": int},
        ),
        ("get_user_setting_config", {}, {"lpaSpot": bool, "lpaPerp": bool}),
        ("get_smp_group", {}, {"smpGroup": int}),
        ("query_dcp_info", {}, {"dcpInfos": list}),
        (
            "pre_check_order",
            LINEAR | {"side": "Buy", "orderType": "Market", "qty": "0.002"},
            shapes.PRE_CHECK,
        ),
    ],
)
def test_an_answer_has_bybits_fields(
    session: HTTP, method: str, arguments: dict[str, Any], shape: dict[str, Any]
) -> None:
    answer = getattr(session, method)(**arguments)
    check(answer, shapes.ENVELOPE)
    check(answer["result"], shape)


def test_records_of_a_round_trip_have_bybits_fields(session: HTTP, sockets: Sockets) -> None:
    frames = Frames()
    private = sockets.private(callback_function=frames)
    for topic in ("order", "execution", "execution.fast", "position", "wallet"):
        private.subscribe(topic, frames, "")
        frames.wait(lambda f: f.get("op") == "subscribe")
    market = LINEAR | {"orderType": "Market", "qty": "0.002"}
    opening = session.place_order(**market, side="Buy")["result"]["orderId"]
    frames.row("order", orderId=opening, orderStatus="Filled")
    closing = session.place_order(**market, side="Sell", reduceOnly=True)["result"]["orderId"]
    frames.row("order", orderId=closing, orderStatus="Filled")
    frames.topic("wallet")
    streams = {
        "order": shapes.ORDER_STREAM,
        "execution": shapes.EXECUTION_STREAM,
        "execution.fast": shapes.FAST_EXECUTION,
        "position": shapes.POSITION_STREAM,
        "wallet": shapes.WALLET,
    }
    for topic, shape in streams.items():
        told = [f for f in frames.seen if f.get("topic") == topic]
        assert told, topic
        for frame in told:
            check(frame, {"id": str, "topic": str, "creationTime": int, "data": [shape]}, topic)
    resting = LINEAR | {"side": "Buy", "orderType": "Limit", "qty": "0.010"}
    session.place_order(**resting, price=below(session), orderLinkId=new_link_id())
    queries: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "get_open_orders": (LINEAR, shapes.ORDER),
        "get_order_history": (LINEAR, shapes.ORDER),
        "get_executions": (LINEAR, shapes.EXECUTION),
        "get_closed_pnl": (LINEAR, shapes.CLOSED_PNL),
        # A transfer, which another test may have made, has no quantity.
        "get_transaction_log": ({"type": "TRADE"}, shapes.TRANSACTION),
    }
    for method, (arguments, shape) in queries.items():
        eventually(lambda m=method, a=arguments: getattr(session, m)(**a)["result"]["list"])
        result = getattr(session, method)(**arguments)["result"]
        check(result, {"list": [shape], "nextPageCursor": str}, method)


def test_public_streams_have_bybits_fields(sockets: Sockets) -> None:
    frames = Frames()
    public = sockets.public(callback_function=frames)
    public.trade_stream(SYMBOL, frames)
    public.kline_stream(1, SYMBOL, frames)
    public.ticker_stream(SYMBOL, frames)
    public.orderbook_stream(50, SYMBOL, frames)
    head = {"topic": str, "type": str, "ts": int}
    check(frames.topic(f"tickers.{SYMBOL}"), head | {"cs": int, "data": shapes.LINEAR_TICKER})
    check(frames.topic(f"orderbook.50.{SYMBOL}"), head | {"cts": int, "data": shapes.BOOK})
    check(frames.topic(f"kline.1.{SYMBOL}"), head | {"data": [shapes.KLINE_STREAM]})
    trade = frames.topic(f"publicTrade.{SYMBOL}")
    check(trade, head | {"data": [shapes.PUBLIC_TRADE]})
