"""The stream supervisor against a server that misbehaves."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.errors import DependencyDown
from bot.exchange.bybit.reconnects import Reconnects
from bot.exchange.bybit.streams import StreamSupervisor, private_stream, public_stream
from bot.exchange.protocol import ExchangeOrder, Execution
from bot.exchange.streams import StreamEvent, StreamState
from bot.market.frames import BookFrame
from tests.support.waiting import eventually
from tests.unit.bot.exchange.bybit.bybit_transport import config
from tests.unit.bot.exchange.bybit.stream_server import StreamServer, running

PACE = Reconnects(connect=1.0, silence=30.0, backoff_first=0.02, backoff_last=0.1, stable=60.0)

ORDER = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "orderId": "o-1",
    "orderLinkId": "a-1",
    "side": "Buy",
    "qty": "0.010",
    "price": "60000.10",
    "orderStatus": "PartiallyFilled",
    "cumExecQty": "0.004",
    "avgPrice": "60000.05",
    "reduceOnly": False,
    "rejectReason": "EC_NoError",
    "cancelType": "UNKNOWN",
    "updatedTime": "1700000000123",
    "someNewField": {"of": ["2027"]},
}


def orders(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"id": "1", "topic": "order", "creationTime": 1700000000124, "data": list(rows)}


def book(update_id: int, kind: str = "snapshot") -> dict[str, Any]:
    data = {"s": "BTCUSDT", "b": [["60000", "1"]], "a": [["60001", "2"]], "u": update_id, "seq": 9}
    topic = "orderbook.50.BTCUSDT"
    return {"topic": topic, "type": kind, "ts": 1700000000200, "data": data, "cts": 1700000000199}


class Listener:
    def __init__(self) -> None:
        self.seen: list[StreamEvent | str] = []
        self.failure: Exception | None = None
        self.gap_failure: Exception | None = None

    def on_event(self, event: StreamEvent) -> None:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self.seen.append(event)

    def on_gap(self, cause: str) -> None:
        if self.gap_failure is not None:
            failure, self.gap_failure = self.gap_failure, None
            raise failure
        self.seen.append(cause)


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with running() as started:
        yield started


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def private(server: StreamServer, listener: Listener) -> Iterator[StreamSupervisor]:
    supervisor = private_stream(
        config(endpoint=server.url),
        on_event=listener.on_event,
        on_gap=listener.on_gap,
        pace=PACE,
    )
    yield supervisor
    supervisor.stop()


def is_live(supervisor: StreamSupervisor) -> bool:
    return supervisor.health().state is StreamState.LIVE


def test_it_authenticates_then_subscribes_then_reports_the_gap_then_routes_events(
    server: StreamServer, listener: Listener, private: StreamSupervisor
) -> None:
    private.start()
    eventually(lambda: is_live(private))
    server.push(orders(ORDER))
    eventually(lambda: len(listener.seen) == 2)
    assert [r["op"] for r in server.requests[:2]] == ["auth", "subscribe"]
    assert server.requests[1]["args"] == ["order", "execution", "position", "wallet"]
    assert server.paths == ["/v5/private"]
    assert listener.seen[0] == "first connection"
    order = listener.seen[1]
    assert isinstance(order, ExchangeOrder)
    assert (order.filled_qty, order.price) == (Decimal("0.004"), Decimal("60000.10"))


def test_the_public_stream_subscribes_to_book_trades_and_ticker_without_keys(
    server: StreamServer, listener: Listener
) -> None:
    supervisor = public_stream(
        config(endpoint=server.url),
        ("BTCUSDT",),
        on_event=listener.on_event,
        on_gap=listener.on_gap,
        pace=PACE,
    )
    supervisor.start()
    try:
        eventually(lambda: is_live(supervisor))
        server.push(book(7))
        eventually(lambda: len(listener.seen) == 2)
        assert server.paths == ["/v5/public/linear"]
        assert [r["op"] for r in server.requests] == ["subscribe"]
        assert server.requests[0]["args"] == [
            "orderbook.50.BTCUSDT",
            "publicTrade.BTCUSDT",
            "tickers.BTCUSDT",
        ]
        assert isinstance(listener.seen[1], BookFrame)
    finally:
        supervisor.stop()


@pytest.mark.parametrize("how", ["drop", "reset"])
def test_a_lost_connection_is_rebuilt_and_the_gap_reported_before_new_events(
    server: StreamServer, listener: Listener, private: StreamSupervisor, how: str
) -> None:
    private.start()
    eventually(lambda: is_live(private))
    getattr(server, how)()
    eventually(lambda: private.health().connections == 2 and is_live(private))
    server.push(orders(ORDER))
    eventually(lambda: len(listener.seen) == 3)
    assert listener.seen[:2] == ["first connection", "reconnected"]
    eventually(lambda: server.connected == 1)


def test_an_absent_server_is_tolerated_until_it_appears(listener: Listener) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    supervisor = private_stream(
        config(endpoint=f"http://127.0.0.1:{port}"),
        on_event=listener.on_event,
        on_gap=listener.on_gap,
        pace=PACE,
    )
    supervisor.start()
    try:
        eventually(lambda: supervisor.health().failures >= 2)
        with running(port):
            eventually(lambda: is_live(supervisor))
            supervisor.stop()
    finally:
        supervisor.stop()


def test_a_server_that_hangs_in_the_handshake_is_given_up(
    server: StreamServer, listener: Listener, private: StreamSupervisor
) -> None:
    server.hang_handshake = True
    private.start()
    eventually(lambda: len(server.paths) >= 2)
    server.hang_handshake = False
    eventually(lambda: is_live(private))


@pytest.mark.parametrize("attribute", ["auth_ok", "subscribe_ok"])
def test_a_refusal_is_never_taken_for_live_and_is_tried_again(
    server: StreamServer, listener: Listener, private: StreamSupervisor, attribute: str
) -> None:
    setattr(server, attribute, False)
    private.start()
    eventually(lambda: private.health().failures >= 2)
    assert "refused" in (private.health().last_fault or "")
    assert listener.seen == []
    setattr(server, attribute, True)
    eventually(lambda: is_live(private))


def test_missing_acknowledgements_end_the_attempt(
    server: StreamServer, private: StreamSupervisor
) -> None:
    server.acknowledge = False
    private.start()
    eventually(lambda: private.health().failures >= 1)
    assert private.health().last_fault == "not acknowledged in time"


def test_acknowledgements_without_request_id_count(
    server: StreamServer, private: StreamSupervisor
) -> None:
    server.echo_req_id = False
    private.start()
    eventually(lambda: is_live(private))


def test_silence_is_noticed_although_the_connection_stands(
    server: StreamServer, listener: Listener
) -> None:
    supervisor = private_stream(
        config(endpoint=server.url),
        on_event=listener.on_event,
        on_gap=listener.on_gap,
        pace=Reconnects(connect=1.0, silence=0.4, backoff_first=0.02, backoff_last=0.1),
    )
    supervisor.start()
    try:
        eventually(lambda: supervisor.health().connections >= 2)
        assert "silent" in (supervisor.health().last_fault or "")
    finally:
        supervisor.stop()


def test_a_market_without_data_is_noticed_although_pongs_come(
    server: StreamServer, listener: Listener
) -> None:
    supervisor = public_stream(
        config(endpoint=server.url),
        ("BTCUSDT",),
        on_event=listener.on_event,
        on_gap=listener.on_gap,
        pace=Reconnects(connect=1.0, data_silence=0.3, backoff_first=0.02, backoff_last=0.1),
    )
    supervisor.start()
    try:
        eventually(lambda: supervisor.health().connections >= 2)
        assert "no data" in (supervisor.health().last_fault or "")
    finally:
        supervisor.stop()


@pytest.mark.parametrize("garbage", ["<html>", "[1,2]", '"text"', "null"])
def test_a_frame_that_is_no_object_costs_the_connection_and_not_the_supervisor(
    server: StreamServer, private: StreamSupervisor, garbage: str
) -> None:
    private.start()
    eventually(lambda: is_live(private))
    server.push(garbage)
    eventually(lambda: private.health().connections == 2)


def test_unknown_topics_categories_and_fields_are_ignored(
    server: StreamServer, listener: Listener, private: StreamSupervisor
) -> None:
    private.start()
    eventually(lambda: is_live(private))
    server.push({"topic": "greeks", "data": [{"x": 1}]})
    server.push(orders(ORDER | {"category": "option", "qty": "odd"}))
    server.push(orders(ORDER))
    eventually(lambda: len(listener.seen) == 2)
    assert private.health().connections == 1


def test_an_unreadable_row_of_the_account_is_reported_as_a_gap(
    server: StreamServer, listener: Listener, private: StreamSupervisor
) -> None:
    private.start()
    eventually(lambda: is_live(private))
    server.push(orders(ORDER | {"qty": "NaN"}))
    eventually(lambda: len(listener.seen) == 2)
    assert listener.seen == ["first connection", "unreadable frame"]
    assert private.health().unreadable == 1


def test_an_event_that_the_caller_could_not_store_is_made_good_by_a_gap(
    server: StreamServer, listener: Listener, private: StreamSupervisor
) -> None:
    private.start()
    eventually(lambda: is_live(private))
    listener.failure = DependencyDown("postgres is away")
    server.push(orders(ORDER))
    eventually(lambda: listener.seen == ["first connection", "reconnected"])


def test_a_gap_that_the_caller_could_not_reconcile_is_reported_again(
    server: StreamServer, listener: Listener, private: StreamSupervisor
) -> None:
    listener.gap_failure = DependencyDown("exchange is away")
    private.start()
    eventually(lambda: is_live(private))
    assert private.health().failures == 1
    assert listener.seen == ["reconnected"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_in_the_callback_is_visible(
    server: StreamServer, listener: Listener, private: StreamSupervisor
) -> None:
    private.start()
    eventually(lambda: is_live(private))
    listener.failure = ZeroDivisionError("a defect")
    server.push(orders(ORDER))
    eventually(lambda: private.health().state is StreamState.CRASHED)


def test_one_topic_can_be_subscribed_afresh(
    server: StreamServer, private: StreamSupervisor
) -> None:
    private.start()
    eventually(lambda: is_live(private))
    for _ in range(20):  # a broken book asks with every frame
        private.resubscribe("orderbook.50.BTCUSDT")
    eventually(lambda: len(server.requests) == 4)
    server.push(orders(ORDER))
    eventually(lambda: private.health().frames == 1)
    assert [r["op"] for r in server.requests[2:]] == ["unsubscribe", "subscribe"]


def test_stop_ends_every_thread_that_it_started(
    server: StreamServer, private: StreamSupervisor
) -> None:
    before = set(threading.enumerate())
    private.start()
    eventually(lambda: is_live(private))
    private.stop()
    assert private.health().state is StreamState.STOPPED
    eventually(lambda: set(threading.enumerate()) <= before)
    eventually(lambda: server.connected == 0)


def test_executions_are_typed_with_their_fees(
    server: StreamServer, listener: Listener, private: StreamSupervisor
) -> None:
    private.start()
    eventually(lambda: is_live(private))
    row = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "orderId": "o-1",
        "orderLinkId": "",
        "side": "Sell",
        "execId": "e-1",
        "execPrice": "60000",
        "execQty": "0.5",
        "execFee": "26.3725275",
        "execType": "Trade",
        "execTime": "1700000000353",
        "isMaker": False,
        "extraFees": [{"feeCoin": "USDT", "fee": "0.0064"}, {"feeCoin": "MNT", "fee": "9"}],
        "feeCurrency": "",
    }
    server.push({"topic": "execution", "data": [row, row | {"execType": "Funding"}]})
    eventually(lambda: len(listener.seen) == 3)
    trade, funding = listener.seen[1:]
    assert isinstance(trade, Execution)
    assert isinstance(funding, Execution)
    assert (trade.fee, trade.fee_currency) == (Decimal("26.3789275"), "USDT")
    assert trade.other_fees == (("MNT", Decimal(9)),)
    assert (trade.moves_position, funding.moves_position) == (True, False)


@pytest.fixture
def two_symbols(server: StreamServer, listener: Listener) -> Iterator[StreamSupervisor]:
    supervisor = public_stream(
        config(endpoint=server.url),
        ("GONEUSDT", "BTCUSDT"),
        on_event=listener.on_event,
        on_gap=listener.on_gap,
        pace=replace(PACE, refused_first=0.2, refused_last=0.4, data_silence=1.0),
    )
    yield supervisor
    supervisor.stop()


def test_a_symbol_that_is_refused_is_named_and_takes_no_other_with_it(
    server: StreamServer, listener: Listener, two_symbols: StreamSupervisor
) -> None:
    server.unknown = {"GONEUSDT"}
    two_symbols.start()
    eventually(lambda: is_live(two_symbols))
    refused = two_symbols.health().refused
    assert list(refused) == ["GONEUSDT"]
    assert "handler not found" in refused["GONEUSDT"]
    server.push(book(1))
    eventually(lambda: any(isinstance(seen, BookFrame) for seen in listener.seen))
    assert two_symbols.health().connections == 1


def test_a_refused_symbol_is_asked_for_again_until_it_is_taken(
    server: StreamServer, two_symbols: StreamSupervisor
) -> None:
    server.unknown = {"GONEUSDT", "BTCUSDT"}
    two_symbols.start()
    eventually(lambda: is_live(two_symbols))
    assert set(two_symbols.health().refused) == {"GONEUSDT", "BTCUSDT"}
    server.unknown = {"GONEUSDT"}
    eventually(lambda: set(two_symbols.health().refused) == {"GONEUSDT"})
    server.unknown = set()
    eventually(lambda: not two_symbols.health().refused)
    assert two_symbols.health().connections == 1
