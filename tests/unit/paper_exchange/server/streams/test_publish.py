import json
import time
from typing import Any

from paper_exchange.server.faults.catalogue import FaultBoard
from paper_exchange.server.streams.publish import PublicHub
from paper_exchange.server.streams.topics import BookTopic
from tests.unit.paper_exchange.server.market_script import KEY, book, make_venue, trade

NAME = "orderbook.1000.XUSDT"


class Listener:
    """Stands where a socket would be and keeps its frames."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def send(self, text: str) -> None:
        self.frames.append(json.loads(text))


def test_the_sequence_of_a_shown_book_is_that_of_its_update_id() -> None:
    """A trade may move the sequence while every level of the book stays."""
    venue, _, clock = make_venue(book(100, 998, 1000), trade(200, 1000))
    hub, listener = PublicHub(venue, FaultBoard()), Listener()
    topic = BookTopic(venue, KEY, NAME, 1000)
    hub._topics["linear", NAME] = topic
    hub._listeners["linear", NAME] = {listener}  # type: ignore[arg-type]
    clock.now += 100
    venue.catch_up()
    first = json.loads(topic.snapshot(time.monotonic())[0])["data"]
    clock.now += 100
    venue.catch_up()
    tape = venue.tapes[KEY]
    hub.show_book(KEY)
    newest = listener.frames[-1]["data"] if listener.frames else first
    assert tape.seq > first["seq"]
    assert (tape.update_id, tape.book_seq) == (newest["u"], newest["seq"])


def test_a_book_without_listeners_keeps_its_number_until_it_may_differ() -> None:
    venue, _, clock = make_venue(book(100, 998, 1000))
    hub, tape = PublicHub(venue, FaultBoard()), venue.tapes[KEY]
    hub.show_book(KEY)
    first = tape.update_id
    hub.show_book(KEY)
    assert tape.update_id == first
    clock.now += 100
    venue.catch_up()
    hub.show_book(KEY)
    assert (tape.update_id, tape.book_seq) == (first + 1, tape.seq)
