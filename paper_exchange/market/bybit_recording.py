"""The recorded Bybit V5 session as a market: raw frames of order books, trades and tickers.

All instruments start together, when the last of them has its first snapshot. Earlier updates are
folded into the books with which a pass begins. Times are the matching engine's (`cts`, `T`), so
that a trade precedes the book that shows its effect.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import zstandard

from paper_exchange.market.instruments import spec_from_reply
from paper_exchange.market.looping import endless, shifted, whole_units
from paper_exchange.market.past import DayStatistics, pasts
from paper_exchange.types import (
    BookUpdate,
    Category,
    InstrumentSpec,
    MarketEvent,
    MarketTrade,
    MarkUpdate,
    Past,
)

Key = tuple[Category, str]

FILE_PATTERN = "bybit_v5_ws_*.jsonl.zst"
_TRADE, _BOOK, _MARK = 0, 1, 2  # order of events within one millisecond
_PAST_SEED = 5  # this seed's day needs the least bending: kurtosis stays about 20


class BybitRecording:
    """A `MarketSource` of one recorded session, read once and looped."""

    def __init__(self, path: Path, symbols: Sequence[str] | None = None) -> None:
        recording = _read(path)
        wanted = [k for k in recording.books if symbols is None or k[1] in symbols]
        unknown = sorted(set(symbols or ()) - {symbol for _, symbol in recording.books})
        if unknown or not wanted:
            raise ValueError(f"{path.name} has no order book of {unknown or 'any instrument'}")
        self._specs = [recording.specs[key] for key in wanted]
        start_ms = max(recording.books[key][0].ts_ms for key in wanted)
        self._events = _one_pass(recording, wanted, start_ms)
        self._days = {
            key: day for key in wanted if (day := _day(recording.tickers.get(key, []), start_ms))
        }

    def instruments(self) -> Sequence[InstrumentSpec]:
        """The recorded instruments."""
        return list(self._specs)

    def history(self) -> Mapping[tuple[Category, str], Past]:
        """Drawn pasts that agree with the recorded tickers about the 24 hours before the start."""
        rates = {
            (event.category, event.symbol): event.funding_rate
            for event in self._events[: 2 * len(self._specs)]
            if isinstance(event, MarkUpdate) and event.funding_rate is not None
        }
        return pasts(_PAST_SEED, self._specs, self._days, rates)

    def events(self) -> Iterator[MarketEvent]:
        """The events of all instruments in time order, without end."""
        return endless(lambda: iter(self._events))


@dataclass(slots=True)
class _Recording:
    specs: dict[Key, InstrumentSpec] = field(default_factory=dict)
    books: dict[Key, list[BookUpdate]] = field(default_factory=dict)
    others: list[tuple[int, MarketTrade | MarkUpdate]] = field(default_factory=list)
    tickers: dict[Key, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    """Snapshots and deltas with their times, in order."""


def _read(path: Path) -> _Recording:
    recording, rows, categories = _Recording(), dict[Key, dict[str, Any]](), dict[str, Category]()
    with path.open("rb") as raw:
        plain = zstandard.ZstdDecompressor().stream_reader(raw)
        for line in io.TextIOWrapper(plain, encoding="utf-8"):
            record = json.loads(line)
            if record["t"] == "http":
                result = json.loads(record["data"])["result"]
                for row in result["list"]:
                    rows[_category(result["category"]), row["symbol"]] = row
            elif record["t"] == "connect":
                categories[record["conn"]] = _category(record["addr"].rpartition("/")[2])
            elif record["t"] == "recv":
                frame = json.loads(record["data"])
                if "topic" in frame:
                    _frame(recording, rows, categories[record["conn"]], frame)
    return recording


def _category(text: str) -> Category:
    if text == "linear":
        return "linear"
    if text == "spot":
        return "spot"
    raise ValueError(f"unexpected category {text!r} in the recording")


def _frame(
    recording: _Recording,
    rows: dict[Key, dict[str, Any]],
    category: Category,
    frame: dict[str, Any],
) -> None:
    kind, _, symbol = frame["topic"].rpartition(".")
    key = (category, symbol)
    if key not in recording.specs:
        recording.specs[key] = spec_from_reply(category, rows[key])
    spec = recording.specs[key]
    if kind.startswith("orderbook."):
        recording.books.setdefault(key, []).append(_book(spec, frame))
    elif kind == "publicTrade":
        recording.others += [(_TRADE, _trade(spec, trade)) for trade in frame["data"]]
    elif kind == "tickers":
        recording.tickers.setdefault(key, []).append((int(frame["ts"]), frame["data"]))
        if (mark := _mark(spec, frame)) is not None:
            recording.others.append((_MARK, mark))


def _book(spec: InstrumentSpec, frame: dict[str, Any]) -> BookUpdate:
    ticks, steps = whole_units(spec.tick_size), whole_units(spec.qty_step)
    bids, asks = (
        [(ticks(p), steps(q)) for p, q in levels]
        for levels in (frame["data"]["b"], frame["data"]["a"])
    )
    ts_ms = int(frame.get("cts", frame["ts"]))
    return BookUpdate(*spec.key, ts_ms, bids, asks, frame["type"] == "snapshot")


def _trade(spec: InstrumentSpec, trade: dict[str, Any]) -> MarketTrade:
    price = whole_units(spec.tick_size)(trade["p"])
    size = whole_units(spec.qty_step)(trade["v"])
    return MarketTrade(*spec.key, int(trade["T"]), price, size, trade["S"])


def _mark(spec: InstrumentSpec, frame: dict[str, Any]) -> MarkUpdate | None:
    """The reference prices of a ticker frame; None where its delta changes none of them."""
    data = frame["data"]
    mark, index, funding = (
        Decimal(text) if text else None
        for text in (
            data.get("markPrice"),
            data.get("indexPrice") or data.get("usdIndexPrice"),
            data.get("fundingRate"),
        )
    )
    if mark is None and index is None and funding is None:
        return None
    return MarkUpdate(*spec.key, int(frame["ts"]), mark, index, funding)


def _day(tickers: Sequence[tuple[int, Mapping[str, Any]]], start_ms: int) -> DayStatistics | None:
    """The day's statistics from the ticker at the start, else from the first ticker after it."""
    state: dict[str, Any] = {}
    for ts_ms, changes in tickers:
        if ts_ms > start_ms and state:
            break
        state |= changes
    if "lastPrice" not in state:
        return None
    fields = ("lastPrice", "prevPrice24h", "prevPrice1h", "highPrice24h", "lowPrice24h")
    last, *others = (
        Decimal(state[name]) if state.get(name) else None for name in (*fields, "turnover24h")
    )
    return DayStatistics(last, *others) if last else None


def _one_pass(recording: _Recording, wanted: Sequence[Key], start_ms: int) -> list[MarketEvent]:
    """Snapshots and reference prices at 0 ms, then everything later in time order."""
    books: list[MarketEvent] = []
    marks: list[MarketEvent] = []
    later: list[tuple[int, MarketEvent]] = []
    for key in wanted:
        updates = recording.books[key]
        books.append(_folded(key, [u for u in updates if u.ts_ms <= start_ms]))
        later += [(_BOOK, update) for update in updates]
        others = [(order, e) for order, e in recording.others if (e.category, e.symbol) == key]
        tickers = [e for _, e in others if isinstance(e, MarkUpdate)]
        marks.append(_opening_mark(key, tickers, start_ms))
        later += others
    later = [(order, e) for order, e in later if e.ts_ms > start_ms]
    later.sort(key=lambda item: (item[1].ts_ms, item[0]))
    return [*books, *marks, *(shifted(event, -start_ms) for _, event in later)]


def _folded(key: Key, updates: Sequence[BookUpdate]) -> BookUpdate:
    """The book after these updates, as a snapshot at 0 ms."""
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for update in updates:
        if update.snapshot:
            bids, asks = {}, {}
        for side, changes in ((bids, update.bids), (asks, update.asks)):
            side.update(changes)
    shown = [[(p, q) for p, q in side.items() if q] for side in (bids, asks)]
    return BookUpdate(*key, 0, sorted(shown[0], reverse=True), sorted(shown[1]), True)


def _opening_mark(key: Key, updates: Sequence[MarkUpdate], start_ms: int) -> MarkUpdate:
    """The reference prices known at the start, else the first ones after it."""
    known = [u for u in updates if u.ts_ms <= start_ms] or list(updates[:1])
    mark = index = funding = None
    for update in known:
        mark = update.mark_price or mark
        index = update.index_price or index
        funding = update.funding_rate if update.funding_rate is not None else funding
    return MarkUpdate(*key, 0, mark, index, funding)
