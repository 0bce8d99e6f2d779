import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.server.streams.topics import BookTopic, TickerTopic, make_topic
from paper_exchange.types import BookUpdate
from tests.support.properties import examples
from tests.unit.paper_exchange.server.market_script import KEY, UID, book, make_venue, trade

Levels = dict[str, str]


def apply(known: dict[str, Levels], frame: dict[str, Any]) -> None:
    """A client that is as strict as pybit: an unknown level may not be deleted."""
    for side in ("b", "a"):
        if frame["type"] == "snapshot":
            known[side] = {}
        for price, size in frame["data"][side]:
            if size == "0":
                del known[side][price]
            else:
                known[side][price] = size


updates = st.lists(
    st.lists(st.tuples(st.integers(980, 1020), st.integers(0, 9)), min_size=1, max_size=8),
    max_size=30,
)


@settings(max_examples=examples(50))
@given(updates, st.integers(0, 20))
def test_any_client_that_joins_at_any_time_holds_the_true_top_of_the_book(
    changes: list[list[tuple[int, int]]], join_at: int
) -> None:
    events = [
        BookUpdate(
            *KEY,
            (i + 1) * 100,
            [(p, q) for p, q in levels if p < 1000],
            [(p, q) for p, q in levels if p > 1000],
        )
        for i, levels in enumerate(changes)
    ]
    venue, engine, clock = make_venue(*events)
    topic = BookTopic(venue, KEY, "orderbook.50.XUSDT", 50)
    topic.depth = 5  # a narrow window, so that levels leave and enter it
    clients: list[tuple[dict[str, Levels], list[int]]] = []
    for i in range(len(events) + 1):
        if i in (0, join_at):
            frame = json.loads(topic.snapshot(float(i))[0])
            clients.append(({}, [frame["data"]["u"]]))
            apply(clients[-1][0], frame)
        clock.now += 100
        venue.catch_up()
        for text in topic.push(float(i)):
            for known, ids in clients:
                apply(known, json.loads(text))
                ids.append(json.loads(text)["data"]["u"])
    tape = venue.tapes[KEY]
    bids, asks = engine.book(*KEY, 5)
    for known, ids in clients:
        assert known["b"] == {tape.price_text(p): tape.qty_text(q) for p, q in bids}
        assert known["a"] == {tape.price_text(p): tape.qty_text(q) for p, q in asks}
        assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_level_one_sends_snapshots_only_and_repeats_them_in_silence() -> None:
    venue, _, clock = make_venue(book(100, 998, 1000))
    topic = BookTopic(venue, KEY, "orderbook.1.XUSDT", 1)
    first = json.loads(topic.snapshot(1.0)[0])
    clock.now += 100
    venue.catch_up()
    moved = json.loads(topic.push(2.0)[0])
    assert (moved["type"], moved["data"]["b"]) == ("snapshot", [["99.8", "5.00"]])
    assert moved["data"]["u"] == first["data"]["u"] + 1
    assert topic.push(3.0) == []
    repeated = json.loads(topic.push(5.1)[0])
    assert repeated["data"] == moved["data"]


def test_a_ticker_sends_changed_fields_only() -> None:
    venue, _, clock = make_venue(trade(100, 1001))
    topic = TickerTopic(venue, KEY, "tickers.XUSDT")
    whole = json.loads(topic.snapshot(0.0)[0])
    assert whole["data"]["bid1Price"] == "99.9"
    clock.now += 100
    venue.catch_up()
    delta = json.loads(topic.push(1.0)[0])
    assert delta["type"] == "delta"
    assert delta["data"]["lastPrice"] == "100.1"
    assert "bid1Price" not in delta["data"]
    assert topic.push(2.0) == []


@pytest.mark.parametrize(
    "name",
    ["orderbook.77.XUSDT", "orderbook.50.YUSDT", "kline.2.XUSDT", "tickers", "nothing.XUSDT", ""],
)
def test_there_is_no_such_topic(name: str) -> None:
    venue, _, _ = make_venue()
    assert make_topic(venue, "linear", name) is None


def test_a_resting_order_is_in_the_streams_of_everybody_without_a_market_event() -> None:
    venue, engine, _ = make_venue()
    topics = [BookTopic(venue, KEY, f"orderbook.{d}.XUSDT", d) for d in (1, 50)]
    ticker = TickerTopic(venue, KEY, "tickers.XUSDT")
    for topic in (*topics, ticker):
        topic.snapshot(1.0)
        topic.push(1.0)
    order = {"category": "linear", "symbol": "XUSDT", "side": "Buy", "qty": "2", "price": "100"}
    engine.create_order(UID, {**order, "orderType": "Limit"}, venue.now_ms)
    engine.advance(venue.now_ms + 10)
    venue.touched(UID)
    for topic in topics:
        assert json.loads(topic.push(1.01)[0])["data"]["b"] == [["100.0", "2.00"]]
    shown = json.loads(ticker.push(1.01)[0])["data"]
    assert (shown["bid1Price"], shown["bid1Size"]) == ("100.0", "2.00")
