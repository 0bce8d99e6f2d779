"""Public streams: keeps the topics that have listeners and pushes their changes."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from paper_exchange.server.faults.catalogue import FaultBoard
from paper_exchange.server.streams.topics import DEEPEST, BookTopic, Topic, TradeTopic, make_topic
from paper_exchange.server.venue.tape import PublicTrade
from paper_exchange.server.venue.venue import Key, Venue
from paper_exchange.types import Category, Reject

if TYPE_CHECKING:
    from paper_exchange.server.streams.sockets import Connection

log = logging.getLogger(__name__)

TICK_SECONDS = 0.01
"""The interval of the fastest topic."""

TopicKey = tuple[Category, str]


class PublicHub:
    """Topics exist while they have subscribers."""

    def __init__(self, venue: Venue, faults: FaultBoard) -> None:
        self._venue = venue
        self._faults = faults
        self._topics: dict[TopicKey, Topic] = {}
        self._listeners: dict[TopicKey, set[Connection]] = {}
        self._by_trade: dict[Key, TradeTopic] = {}
        self._timer: asyncio.TimerHandle | None = None

    def knows(self, category: Category, name: str) -> bool:
        """Whether a topic of this name exists or could."""
        return (category, name) in self._topics or bool(make_topic(self._venue, category, name))

    def join(self, category: Category, name: str, connection: "Connection") -> None:
        """Adds a listener and sends it the snapshot. Pushes follow."""
        topic_key = (category, name)
        topic = self._topics.get(topic_key)
        if topic is None:
            made = make_topic(self._venue, category, name)
            if made is None:
                return
            topic = self._topics[topic_key] = made
            self._listeners[topic_key] = set()
            if isinstance(topic, TradeTopic):
                self._by_trade[topic.key] = topic
        self._listeners[topic_key].add(connection)
        for frame in _frames(topic.snapshot, time.monotonic()):
            connection.send(frame)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def leave(self, category: Category, name: str, connection: "Connection") -> None:
        """Ends a subscription. A topic without subscriptions is dropped."""
        topic_key = (category, name)
        listeners = self._listeners.get(topic_key)
        if listeners is None:
            return
        listeners.discard(connection)
        if not listeners:
            del self._listeners[topic_key]
            topic = self._topics.pop(topic_key)
            if isinstance(topic, TradeTopic):
                del self._by_trade[topic.key]

    def on_trades(self, trades: Sequence[tuple[Key, PublicTrade]]) -> None:
        """Pushes trades to the topics that carry them, one frame per topic."""
        if not self._by_trade:
            return
        grouped: dict[Key, list[PublicTrade]] = {}
        for key, trade in trades:
            if key in self._by_trade:
                grouped.setdefault(key, []).append(trade)
        for key, chosen in grouped.items():
            topic = self._by_trade[key]
            self._send((key[0], topic.name), topic.frames(chosen))

    def show_book(self, key: Key) -> None:
        """Numbers the present book in the row of the 1000-level stream.

        While that stream has listeners, they get the present book first. A client can thus apply
        exactly the stream's later changes to a book from REST.
        """
        topic_key = (key[0], f"orderbook.{DEEPEST}.{key[1]}")
        topic = self._topics.get(topic_key)
        if isinstance(topic, BookTopic):
            self._send(topic_key, _frames(topic.push_present, time.monotonic()))
        else:
            self._venue.tapes[key].show_book(self._venue.now_ms)

    def _tick(self) -> None:
        if not self._topics:
            self._timer = None
            return
        moment = time.monotonic()
        for topic_key, topic in list(self._topics.items()):
            if topic.due <= moment:
                topic.due = moment + topic.interval - TICK_SECONDS / 2
                self._send(topic_key, _frames(topic.push, moment))
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _send(self, topic_key: TopicKey, frames: list[str]) -> None:
        for frame in frames:
            if self._faults.strike_named("stream", "stream_gap", topic_key[1]):
                continue
            for connection in self._listeners[topic_key]:
                connection.send(frame)

    def close(self) -> None:
        """Stops the timer of the pushes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _frames(make: Callable[[float], list[str]], moment: float) -> list[str]:
    """The frames of a topic.

    A topic without data (no price, no band) sends nothing and stops no other topic.
    """
    try:
        return make(moment)
    except Reject:
        return []
    except Exception:
        log.exception("a public topic failed", extra={"event": "paper.topic_failed"})
        return []
