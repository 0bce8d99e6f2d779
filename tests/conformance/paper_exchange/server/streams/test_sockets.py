"""Unmodified pybit sockets: public books and trades, private records, order entry, reconnects."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from pybit.unified_trading import HTTP

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import (
    SYMBOL,
    Frames,
    Sockets,
    new_link_id,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.services


def unused(_: Any) -> None:
    raise AssertionError("callback_function takes all frames")


def test_a_book_kept_from_deltas_never_meets_an_unknown_level(sockets: Sockets) -> None:
    frames = Frames()
    sockets.public(callback_function=frames).orderbook_stream(50, SYMBOL, unused)
    first = frames.topic(f"orderbook.50.{SYMBOL}")
    assert first["type"] == "snapshot"
    book = {side: dict(first["data"][side]) for side in ("b", "a")}
    update_id = first["data"]["u"]
    for _ in range(20):
        frame = frames.topic(f"orderbook.50.{SYMBOL}")
        assert frame["type"] == "delta"
        assert frame["data"]["u"] == update_id + 1
        update_id += 1
        for side in ("b", "a"):
            for price, size in frame["data"][side]:
                if size == "0":
                    del book[side][price]
                else:
                    book[side][price] = size
            assert len(book[side]) <= 50
        assert max(map(Decimal, book["b"])) < min(map(Decimal, book["a"]))


def test_pybits_own_book_and_dispatcher_survive(sockets: Sockets) -> None:
    """Without callback_function pybit merges the book itself and dies on any surprise."""
    seen: dict[str, int] = {"book": 0, "ticker": 0, "trade": 0}

    def count(name: str) -> Any:
        return lambda _frame: seen.__setitem__(name, seen[name] + 1)

    public = sockets.public()
    public.orderbook_stream(200, SYMBOL, count("book"))
    public.ticker_stream(SYMBOL, count("ticker"))
    public.trade_stream(SYMBOL, count("trade"))
    eventually(lambda: seen["book"] > 8 and seen["ticker"] > 8 and seen["trade"] > 1)
    assert public.is_connected()


def test_every_public_topic_begins_with_a_snapshot(sockets: Sockets) -> None:
    frames = Frames()
    public = sockets.public(callback_function=frames)
    for depth in (1, 200, 1000):
        public.orderbook_stream(depth, SYMBOL, unused)
        assert frames.topic(f"orderbook.{depth}.{SYMBOL}")["type"] == "snapshot"
    public.ticker_stream(SYMBOL, unused)
    assert frames.topic(f"tickers.{SYMBOL}")["type"] == "snapshot"
    assert frames.topic(f"tickers.{SYMBOL}")["type"] == "delta"
    public.kline_stream(1, SYMBOL, unused)
    assert frames.topic(f"kline.1.{SYMBOL}")["data"][0]["confirm"] is False
    public.price_limit_stream(SYMBOL, unused)
    assert frames.topic(f"priceLimit.{SYMBOL}")["data"]["symbol"] == SYMBOL


def test_hundred_quick_subscriptions_are_all_acknowledged(sockets: Sockets) -> None:
    """An ack that beats pybit's own bookkeeping would kill its reader (facts 0.5)."""
    count = 0

    def tick(_: Any) -> None:
        nonlocal count
        count += 1

    public = sockets.public()
    topics = [f"kline.{i}.{{symbol}}" for i in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720, "D", "W")]
    for symbol in (SYMBOL, "ETHUSDT", "SOLUSDT", "DOGEUSDT"):
        for topic in topics:
            public.subscribe(topic, tick, symbol)
    eventually(lambda: count >= 48)
    assert public.is_connected()


def test_a_fill_and_its_public_trade_have_one_id_and_one_sequence(
    session: HTTP, sockets: Sockets
) -> None:
    public, private = Frames(), Frames()
    sockets.public(callback_function=public).trade_stream(SYMBOL, unused)
    sockets.private(callback_function=private).execution_stream(unused)
    for frames in (public, private):
        frames.wait(lambda f: f.get("op") == "subscribe" and f["success"] is True)
    link_id = new_link_id()
    order = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "orderType": "Market"}
    session.place_order(**order, qty="0.001", orderLinkId=link_id)
    fill = private.row("execution", orderLinkId=link_id)
    trade = public.row(f"publicTrade.{SYMBOL}", i=fill["execId"])
    assert (trade["seq"], Decimal(trade["p"])) == (fill["seq"], Decimal(fill["execPrice"]))


def test_the_book_of_rest_is_the_deepest_streams_book_of_its_update_id(
    session: HTTP, sockets: Sockets
) -> None:
    frames = Frames()
    sockets.public(callback_function=frames).orderbook_stream(1000, SYMBOL, unused)
    topic = f"orderbook.1000.{SYMBOL}"
    frame = frames.topic(topic)
    rest = session.get_orderbook(category="linear", symbol=SYMBOL, limit=1000)["result"]
    book = {side: dict(frame["data"][side]) for side in ("b", "a")}
    while frame["data"]["u"] < rest["u"]:
        frame = frames.topic(topic)
        for side in ("b", "a"):
            book[side].update(frame["data"][side])
    assert (frame["data"]["u"], frame["data"]["seq"]) == (rest["u"], rest["seq"])
    for side in ("b", "a"):
        assert {p: q for p, q in book[side].items() if q != "0"} == dict(rest[side])


def test_unknown_topics_and_wrong_keys_are_refused_with_success_false(sockets: Sockets) -> None:
    frames = Frames()
    sockets.public(callback_function=frames).subscribe("orderbook.77.{symbol}", unused, SYMBOL)
    refused = frames.wait(lambda f: f.get("op") == "subscribe")
    assert refused["success"] is False
    assert "handler not found" in refused["ret_msg"]
    frames = Frames()
    sockets.private(callback_function=frames, api_secret="wrong")
    assert frames.wait(lambda f: f.get("op") == "auth")["success"] is False


def test_a_topic_that_does_not_exist_does_not_fail_the_others_of_its_request(
    sockets: Sockets,
) -> None:
    frames = Frames()
    client = sockets.public(callback_function=frames)
    topics = ["allLiquidation", "tickers", "nothing", "orderbook.rpi"]
    args = [f"{topic}.{SYMBOL}" for topic in topics] + ["adlAlert.USDT", "insurance.USDT"]
    client.ws.send(json.dumps({"op": "subscribe", "req_id": "mixed", "args": args}))
    answer = frames.wait(lambda f: f.get("op") == "subscribe")
    assert answer["success"] is True
    assert answer["ret_msg"] == f"error:handler not found,topic:nothing.{SYMBOL}"
    frames.topic(f"tickers.{SYMBOL}")


@pytest.mark.parametrize("channel", ["inverse", "option", "misc/status"])
def test_a_socket_without_markets_accepts_and_stays_silent(sockets: Sockets, channel: str) -> None:
    frames = Frames()
    client = sockets.public(channel, callback_function=frames)
    client.ws.send(json.dumps({"op": "subscribe", "args": ["publicTrade.BTCUSD", "system.status"]}))
    assert frames.wait(lambda f: f.get("op") == "subscribe")["success"] is True
    client.ws.send(json.dumps({"op": "unsubscribe", "args": ["publicTrade.BTCUSD"]}))
    assert frames.wait(lambda f: f.get("op") == "unsubscribe")["success"] is True
    assert not [frame for frame in frames.seen if "topic" in frame]


def test_pings_are_answered(sockets: Sockets) -> None:
    public = sockets.public(ping_interval=4, ping_timeout=3.5, callback_function=Frames())
    private = sockets.private(ping_interval=4, ping_timeout=3.5, callback_function=Frames())
    trading = sockets.trading()
    time.sleep(8)  # a ping without a pong breaks the connection after 7.5 s
    assert public.is_connected()
    assert private.is_connected()
    assert trading.is_connected()


def test_pybit_reconnects_and_resubscribes_after_an_abort(
    paper_exchange: PaperExchangeProcess, session: HTTP, sockets: Sockets
) -> None:
    frames = Frames()
    private = sockets.private(callback_function=frames)
    private.order_stream(unused)
    frames.wait(lambda f: f.get("op") == "subscribe")
    paper_exchange.control("POST", "actions/close_sockets", {"kind": "private"})
    frames.wait(lambda f: f.get("op") == "subscribe")
    link_id = new_link_id()
    session.place_order(
        category="linear",
        symbol=SYMBOL,
        side="Buy",
        orderType="Market",
        qty="0.002",
        orderLinkId=link_id,
    )
    frames.row("order", orderLinkId=link_id)


def test_an_unsubscribed_topic_falls_silent_and_can_be_joined_again(sockets: Sockets) -> None:
    seen: list[Any] = []
    public = sockets.public()
    public.ticker_stream(SYMBOL, seen.append)
    eventually(lambda: len(seen) > 2)
    public.unsubscribe(f"tickers.{SYMBOL}")
    eventually(lambda: not public.get_subscription_topics())

    def silent() -> bool:
        """Nothing comes in the time of three frames; one may have been under way before."""
        count = len(seen)
        time.sleep(0.3)
        return len(seen) == count

    eventually(silent)
    count = len(seen)
    public.ticker_stream(SYMBOL, seen.append)
    eventually(lambda: len(seen) > count)


def test_spot_streams_are_apart_from_linear_ones(sockets: Sockets) -> None:
    frames = Frames()
    spot = sockets.public("spot", callback_function=frames)
    spot.subscribe("tickers.{symbol}", frames, SYMBOL)
    acknowledged = frames.wait(lambda f: f.get("op") == "subscribe")
    assert acknowledged["ret_msg"] == "subscribe"
    for _ in range(2):
        frame = frames.topic(f"tickers.{SYMBOL}")
        assert frame["type"] == "snapshot"
        assert "fundingRate" not in frame["data"]
    many = [f"kline.{i}.{SYMBOL}" for i in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720, "D")]
    spot.subscribe("{symbol}", frames, many)
    refused = frames.wait(lambda f: f.get("op") == "subscribe")
    assert (refused["success"], refused["ret_msg"]) == (False, "args size >10")
