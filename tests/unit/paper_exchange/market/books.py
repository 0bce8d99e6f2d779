"""Replays books as a consumer of events must, for the tests of every market source."""

from collections.abc import Iterable, Iterator

from paper_exchange.types import BookUpdate, MarketEvent

Key = tuple[str, str]
Levels = dict[int, int]


def replay(events: Iterable[MarketEvent]) -> Iterator[tuple[MarketEvent, Levels, Levels]]:
    """Each event with its instrument's bids and asks: after a book update, before a trade.

    Fails when an instrument does not begin with a snapshot or deletes a level that is not there.
    """
    books: dict[Key, tuple[Levels, Levels]] = {}
    for event in events:
        key = (event.category, event.symbol)
        if isinstance(event, BookUpdate):
            bids, asks = ({}, {}) if event.snapshot else books[key]
            books[key] = (bids, asks)
            for side, changes in ((bids, event.bids), (asks, event.asks)):
                for tick, size in changes:
                    if size:
                        side[tick] = size
                    else:
                        del side[tick]
        yield event, *books[key]
