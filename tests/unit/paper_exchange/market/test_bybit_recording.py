"""Recorded sessions replay as they were, forever, with books that never cross."""

import io
import json
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import zstandard

from paper_exchange.market.factory import open_source
from paper_exchange.types import BookUpdate, MarketEvent, MarketSource, MarketTrade, MarkUpdate
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


def test_the_bybit_session_has_six_books_and_loops_with_continuous_time(recordings: Path) -> None:
    source = open_source("bybit", recordings=recordings)
    keys = {spec.key for spec in source.instruments()}
    assert keys == {
        *(("linear", s) for s in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT")),
        *(("spot", s) for s in ("BTCUSDT", "ETHUSDT")),
    }
    events = check(source, 8000)
    snapshots = [i for i, e in enumerate(events) if isinstance(e, BookUpdate) and e.snapshot]
    assert snapshots[:6] == list(range(6))
    one_pass = snapshots[6]
    assert snapshots[6:12] == list(range(one_pass, one_pass + 6))
    assert 0 < events[one_pass].ts_ms - events[one_pass - 1].ts_ms <= 100
    assert 40_000 < events[one_pass - 1].ts_ms < 44_000
    again = events[one_pass : 2 * one_pass]
    assert [type(e) for e in again] == [type(e) for e in events[:one_pass]]


def test_every_recorded_trade_after_the_start_is_replayed(recordings: Path) -> None:
    events = check(open_source("bybit", recordings=recordings), 4000)
    snapshots = [i for i, e in enumerate(events) if isinstance(e, BookUpdate) and e.snapshot]
    replayed = Counter(
        (e.category, e.symbol) for e in events[: snapshots[6]] if isinstance(e, MarketTrade)
    )
    assert sum(replayed.values()) > 300
    assert replayed == recorded_trades(recordings)


def recorded_trades(recordings: Path) -> Counter[tuple[str, str]]:
    """Trades later than the last of the six first snapshots, by reading the file directly."""
    (path,) = recordings.glob("bybit_v5_ws_*.jsonl.zst")
    trades, start_ms = list[tuple[int, str, str]](), 0
    with path.open("rb") as raw:
        plain = zstandard.ZstdDecompressor().stream_reader(raw)
        for line in io.TextIOWrapper(plain, encoding="utf-8"):
            record = json.loads(line)
            frame = json.loads(record["data"]) if record["t"] == "recv" else {}
            topic = frame.get("topic", "")
            category = "spot" if record.get("conn", "").endswith("3") else "linear"
            if topic.startswith("orderbook") and frame["type"] == "snapshot":
                start_ms = max(start_ms, frame.get("cts", frame["ts"]))
            elif topic.startswith("publicTrade"):
                trades += [(t["T"], category, t["s"]) for t in frame["data"]]
    return Counter((category, symbol) for time, category, symbol in trades if time > start_ms)


def test_tickers_give_mark_index_and_funding_from_the_start(recordings: Path) -> None:
    events = check(open_source("bybit", recordings=recordings), 12)
    marks = {(e.category, e.symbol): e for e in events if isinstance(e, MarkUpdate)}
    assert len(marks) == 6
    for (category, _), mark in marks.items():
        assert mark.index_price
        if category == "linear":
            assert mark.mark_price
            assert mark.funding_rate is not None


def test_recorded_rules_are_the_exchanges_own(recordings: Path) -> None:
    source = open_source("bybit", recordings=recordings, symbols=["BTCUSDT"])
    linear, spot = sorted(source.instruments(), key=lambda s: s.category)
    assert (str(linear.tick_size), str(linear.qty_step)) == ("0.10", "0.001")
    assert (str(spot.tick_size), str(spot.qty_step)) == ("0.1", "0.000001")
    assert linear.raw["symbolId"] == 5


def test_auto_takes_the_recording_where_there_is_one(recordings: Path, tmp_path: Path) -> None:
    assert type(open_source("auto", recordings=recordings)).__name__ == "BybitRecording"
    assert type(open_source("auto", recordings=tmp_path)).__name__ == "SyntheticMarket"


def test_a_symbol_that_was_not_recorded_is_refused_by_name(recordings: Path) -> None:
    for spec in ("bybit", "binance"):
        with pytest.raises(ValueError, match="ADAUSDT"):
            open_source(spec, recordings=recordings, symbols=["ADAUSDT"])
