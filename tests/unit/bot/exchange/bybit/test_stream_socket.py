"""One stream connection: what breaks it, and that it always ends."""

import queue
import socket
import threading
import time

import pytest

from bot.errors import DependencyDown
from bot.exchange.bybit.stream_socket import StreamSocket
from tests.support.waiting import PATIENCE_SECONDS, eventually
from tests.unit.bot.exchange.bybit.bybit_transport import config
from tests.unit.bot.exchange.bybit.stream_server import running


def test_a_consumer_that_is_too_slow_breaks_the_connection_instead_of_the_reader() -> None:
    made = StreamSocket(config(), private=True)
    made.inbox = queue.Queue(1)
    made.receive({"topic": "order"})
    assert made.fault == "connection lost"  # it never was connected
    made.receive({"topic": "order"})
    assert made.fault == "the consumer is too slow"


def test_a_port_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        made = StreamSocket(config(endpoint=f"http://127.0.0.1:{port}"), private=True)
        began = time.monotonic()
        with pytest.raises(DependencyDown):
            made.open(0.5, lambda: False)
        assert time.monotonic() - began < PATIENCE_SECONDS


def test_an_attempt_can_be_cancelled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        made = StreamSocket(config(endpoint=f"http://127.0.0.1:{port}"), private=True)
        with pytest.raises(DependencyDown):
            made.open(30.0, lambda: True)


def test_closing_ends_the_threads_and_a_request_afterwards_breaks_it() -> None:
    before = set(threading.enumerate())
    with running() as server:
        inside = set(threading.enumerate())
        made = StreamSocket(config(endpoint=server.url), private=False)
        made.open(5.0, lambda: False)
        assert made.fault is None
        assert len(made.subscribe([f"tickers.S{n}" for n in range(25)])) == 3
        made.close()
        made.close()
        eventually(lambda: set(threading.enumerate()) <= inside)
        made.subscribe(["tickers.X"])
        assert made.fault is not None
    eventually(lambda: set(threading.enumerate()) <= before)
