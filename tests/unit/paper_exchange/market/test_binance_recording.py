"""Recorded Binance streams replay unbroken and loop."""

import gzip
from itertools import islice
from pathlib import Path

import pytest

from paper_exchange.market.factory import open_source
from paper_exchange.types import BookUpdate, MarketEvent, MarketSource, MarketTrade
from tests.unit.paper_exchange.market.books import replay


def check(source: MarketSource, count: int) -> list[MarketEvent]:
    """Books uncrossed, time forward, instruments as promised; returns the events."""
    keys = {spec.key for spec in source.instruments()}
    seen, last = [], 0
    for event, bids, asks in replay(islice(source.events(), count)):
        assert event.ts_ms >= last
        assert (event.category, event.symbol) in keys
        last = event.ts_ms
        if isinstance(event, BookUpdate):
            assert max(bids) < min(asks)
        seen.append(event)
    return seen


@pytest.mark.long
def test_the_binance_streams_replay_unbroken_and_loop(recordings: Path) -> None:
    source = open_source("binance", recordings=recordings, symbols=["BTCUSDT"])
    events = check(source, 21_000)
    (folder,) = recordings.glob("binance_usdm_*")
    recorded = 0
    for path in folder.glob("usdm_btcusdt_*.gz"):
        with gzip.open(path, "rt") as lines:
            recorded += sum('"e":"trade"' in line for line in lines)
    starts = [i for i, e in enumerate(events) if isinstance(e, BookUpdate) and e.snapshot]
    assert len(starts) == 2  # the second is the loop's
    trades = sum(isinstance(e, MarketTrade) for e in events[: starts[1]])
    assert recorded - 20 <= trades <= recorded  # a few came before the book was known
    assert events[starts[1]].ts_ms - events[starts[1] - 1].ts_ms < 2000
