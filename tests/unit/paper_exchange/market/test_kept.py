"""A recorded pass is read once, and is the same every time."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

import pytest

from paper_exchange.market import kept
from paper_exchange.market.kept import KeptPass
from paper_exchange.types import BookUpdate, MarketEvent, MarketTrade, MarkUpdate

EVENTS: list[MarketEvent] = [
    BookUpdate("linear", "BTCUSDT", 0, [(9, 1), (8, 2**40)], [(10, 1)], snapshot=True),
    MarketTrade("linear", "BTCUSDT", 40, 10, 1, "Buy"),
    BookUpdate("linear", "BTCUSDT", 50, [], [(10, 0), (11, 3), (12, 4)]),
    MarkUpdate("linear", "BTCUSDT", 70, Decimal(2), Decimal(2), Decimal("0.0001")),
]


class Recording:
    """A pass that counts how often it is read."""

    def __init__(self) -> None:
        self.readings = 0

    def read(self) -> Iterator[MarketEvent]:
        self.readings += 1
        yield from EVENTS


def plain(events: Iterator[MarketEvent]) -> list[MarketEvent]:
    return [
        event._replace(bids=list(event.bids), asks=list(event.asks))
        if isinstance(event, BookUpdate)
        else event
        for event in events
    ]


def test_later_passes_are_the_first_one_without_the_recording() -> None:
    recording = Recording()
    one_pass = KeptPass(recording.read)
    assert list(islice(one_pass(), 2)) == EVENTS[:2]
    assert [plain(one_pass()) for _ in range(3)] == [EVENTS] * 3
    assert recording.readings == 2  # the first one was left before its end


def test_a_recording_too_long_to_keep_is_read_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MAX_LEVELS", 5)
    recording = Recording()
    one_pass = KeptPass(recording.read)
    assert [plain(one_pass()) for _ in range(3)] == [EVENTS] * 3
    assert recording.readings == 3


def test_kept_levels_are_a_sequence() -> None:
    one_pass = KeptPass(Recording().read)
    list(one_pass())
    book = list(one_pass())[2]
    assert isinstance(book, BookUpdate)
    assert not book.bids
    assert (len(book.asks), book.asks[0], book.asks[-1]) == (3, (10, 0), (12, 4))
    assert list(book.asks[1:]) == [(11, 3), (12, 4)]
