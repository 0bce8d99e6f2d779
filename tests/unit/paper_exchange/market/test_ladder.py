"""The ladder's published changes always rebuild exactly the book that it displays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.market import parameters
from paper_exchange.market.ladder import Ladder
from paper_exchange.types import BookUpdate, MarketEvent, MarketTrade
from tests.unit.paper_exchange.market.books import replay

moves = st.one_of(st.integers(-3, 3), st.integers(-2000, 2000))


@given(
    place=st.integers(0, len(parameters.INSTRUMENTS) - 1),
    steps=st.lists(st.tuples(moves, st.integers(1, 4), st.integers(0, 10**7)), max_size=30),
)
def test_deltas_rebuild_the_book_through_any_moves_and_sweeps(
    place: int, steps: list[tuple[int, int, int]]
) -> None:
    instrument = parameters.INSTRUMENTS[place]
    ladder = Ladder(instrument, 1000.0, np.random.default_rng(place))
    bid = 100_000
    events: list[MarketEvent] = [ladder.open(0, (bid, bid + 1), (50, 60))]
    for ts_ms, (move, spread, size) in enumerate(steps, start=1):
        if size:
            ladder.take(ts_ms, buy=size % 2 == 0, size=size, out=events)
        bid += move
        ladder.move((bid, bid + spread), (10, 20))
        ladder.refresh([0, 5, 59, 1, 7, 58], (1.2, 0.8))
        events.append(ladder.publish(ts_ms))
        assert ladder.quotes == (bid, bid + spread)
    for event, bids, asks in replay(events):
        if isinstance(event, BookUpdate):
            assert max(bids) < min(asks)
            assert min(*bids.values(), *asks.values()) > 0
        elif isinstance(event, MarketTrade):
            side = asks if event.side == "Buy" else bids
            assert event.qty <= side[event.price]
    assert (max(bids), min(asks)) == ladder.quotes
    assert len(bids) == len(asks) == parameters.BOOK_LEVELS + 1
