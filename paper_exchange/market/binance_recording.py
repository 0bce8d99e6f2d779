"""Recorded Binance USD-M streams as a market: every depth change and every trade, read lazily.

Each symbol has one or more gzip files of `<receive time ns> <json>` lines. Its book begins with the
REST snapshot near the start of the first file. It continues by Binance's rule: `pu` of an update is
`u` of the one before it. Times are receive times, which give the order of arrival.
"""

import gzip
import heapq
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.depth_text import LevelReader, Levels
from paper_exchange.market.kept import KeptPass
from paper_exchange.market.looping import endless, whole_units
from paper_exchange.market.past import opening_days, pasts
from paper_exchange.market.synthetic import specification
from paper_exchange.types import (
    BookUpdate,
    Category,
    InstrumentSpec,
    MarketEvent,
    MarketTrade,
    MarkUpdate,
    Past,
)

FOLDER_PATTERN = "binance_usdm_*"
_READ_BYTES = 1 << 18
_DEPTH = re.compile(rb'"U":(\d+),"u":(\d+),"pu":(\d+),"b":\[([^a]*)\],"a":\[([^a]*)\]}}\s*\Z')
_MARK_EVERY_MS = 1000
# Orders far from the market (a bid at 1000 for BTC) never trade here and would only cost memory.
_BAND = Decimal("0.1")
# The recording has no mark price or funding. The mid and Binance's usual rate stand for them.
_FUNDING_RATE = Decimal("0.0001")
_PAST_SEED = 1
_decode = json.JSONDecoder().raw_decode  # `json.loads` takes twice as long for a short message
_BY_TIME = attrgetter("ts_ms")


class BinanceRecording:
    """A `MarketSource` of the symbols recorded in one folder, looped."""

    def __init__(self, folder: Path, symbols: Sequence[str] | None = None) -> None:
        files: dict[str, list[Path]] = {}
        for path in sorted(folder.glob("usdm_*_*.gz")):
            files.setdefault(path.name.split("_")[1].upper(), []).append(path)
        unknown = sorted(set(symbols or ()) - files.keys())
        if unknown or not files:
            raise ValueError(f"{folder.name} has no recording of {unknown or 'any symbol'}")
        self._files = {s: paths for s, paths in files.items() if symbols is None or s in symbols}
        self._specs = {symbol: _spec(symbol) for symbol in self._files}
        self._pass = KeptPass(self._one_pass)

    def instruments(self) -> Sequence[InstrumentSpec]:
        """The recorded instruments."""
        return list(self._specs.values())

    def history(self) -> Mapping[tuple[Category, str], Past]:
        """A drawn past, because the recording holds nothing before its start."""
        specs = self.instruments()
        return pasts(_PAST_SEED, specs, opening_days(self.events(), specs))

    def events(self) -> Iterator[MarketEvent]:
        """The events of all instruments in time order, without end."""
        return endless(self._pass)

    def _one_pass(self) -> Iterator[MarketEvent]:
        start_ns = min(_first_time(paths[0]) for paths in self._files.values())
        streams = [
            _SymbolStream(self._specs[symbol], start_ns).events(_lines(paths))
            for symbol, paths in self._files.items()
        ]
        return heapq.merge(*streams, key=_BY_TIME)


def _spec(symbol: str) -> InstrumentSpec:
    """Bybit's rules with Binance's lot of 0.001, because recorded sizes are multiples of it."""
    rows = {i.symbol: i for i in P.INSTRUMENTS if i.category == "linear"}
    if symbol not in rows:
        raise ValueError(f"no trading rules are known for {symbol}")
    lot = Decimal("0.001")
    return specification(replace(rows[symbol], qty_step=lot, min_qty=lot))


def _first_time(path: Path) -> int:
    with gzip.open(path, "rb") as lines:
        return int(lines.readline().partition(b" ")[0])


def _lines(paths: Sequence[Path]) -> Iterator[tuple[int, dict[str, Any]]]:
    for path in paths:
        with gzip.open(path, "rb") as packed:
            for line in io.BufferedReader(packed, _READ_BYTES):
                if b"@bookTicker" in line:  # the depth stream says it all, and most lines are it
                    continue
                time_ns, _, text = line.partition(b" ")
                yield int(time_ns), _message(text)


def _message(text: bytes) -> dict[str, Any]:
    """The parsed message. A depth update's levels stay text for the `LevelReader`."""
    if b'"e":"depthUpdate"' not in text:
        return dict(_decode(text.decode())[0])
    found = _DEPTH.search(text)
    if found is None:
        raise ValueError(f"not a depth update: {text[:80]!r}")
    first, last, before, bids, asks = found.groups()
    ids = {"U": int(first), "u": int(last), "pu": int(before)}
    return {"stream": "", "data": {"e": "depthUpdate", **ids, "b": bids, "a": asks}}


class _Side:
    """Sizes of one side by tick. `direction` is +1 where higher is better, else -1."""

    __slots__ = ("_band", "_bound", "_direction", "_sizes")

    def __init__(self, direction: int, band: tuple[int, int]) -> None:
        self._sizes: dict[int, int] = {}
        self._direction = direction
        self._band = band
        self._bound = 0
        """A bound that no level is better than; 0 before the first level."""

    def apply(self, levels: Levels) -> list[tuple[int, int]]:
        """Applies levels; returns those that changed the book."""
        ticks, steps = levels
        if not ticks:
            return []
        changes = list(zip(ticks, steps, strict=True))
        low, high = self._band
        least, most = min(ticks), max(ticks)
        if least < low or most > high:
            changes = [level for level in changes if low <= level[0] <= high]
            least, most = max(least, low), min(most, high)
        sizes = self._sizes
        ended = [tick for tick, size in changes if not size] if 0 in steps else ()
        # Binance may delete a level that was never in the book.
        unknown = {tick for tick in ended if tick not in sizes}
        if unknown:
            changes = [level for level in changes if level[0] not in unknown]
        sizes.update(changes)
        for tick in ended:
            sizes.pop(tick, None)
        self._raise_bound(most if self._direction > 0 else least, changes)
        return changes

    def _raise_bound(self, best: int, changes: list[tuple[int, int]]) -> None:
        """Takes the best tick of some changes. Only one that stays is worth a search from there."""
        direction = self._direction
        if self._bound and (best - self._bound) * direction <= 0:
            return
        stay = [tick * direction for tick, size in changes if size]
        if stay and (not self._bound or max(stay) > self._bound * direction):
            self._bound = max(stay) * direction

    def best(self) -> int:
        """The best tick, searched from the bound on.

        A search of all levels would take a fifth of a replay's time.
        """
        if not self._sizes:
            raise ValueError("a side of the recorded book is empty")
        while self._bound not in self._sizes:
            self._bound -= self._direction
        return self._bound


class _SymbolStream:
    """Turns one symbol's recorded messages into events. No event comes before its snapshot."""

    def __init__(self, spec: InstrumentSpec, start_ns: int) -> None:
        self._spec = spec
        self._start_ns = start_ns
        self._ticks = whole_units(spec.tick_size)
        self._steps = whole_units(spec.qty_step)
        self._reader = LevelReader(spec.tick_size, spec.qty_step)
        self._bids, self._asks = _Side(+1, (0, 0)), _Side(-1, (0, 0))
        self._last_id: int | None = None
        self._joined = False
        self._early: list[Mapping[str, Any]] = []
        self._next_mark_ms = 0

    def events(self, lines: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[MarketEvent]:
        for time_ns, message in lines:
            ts_ms = (time_ns - self._start_ns) // 1_000_000
            if "stream" not in message:
                yield self._snapshot(ts_ms, message)
                for earlier in self._early:
                    yield from self._depth(ts_ms, earlier)
                continue
            data = message["data"]
            if self._last_id is None:
                # Nothing is known before the snapshot. Updates that follow it may have overtaken it
                # on the way.
                if data["e"] == "depthUpdate":
                    self._early.append(data)
            elif data["e"] == "depthUpdate":
                yield from self._depth(ts_ms, data)
            elif data["e"] == "trade" and data["X"] == "MARKET":
                yield self._trade(ts_ms, data)

    def _snapshot(self, ts_ms: int, message: Mapping[str, Any]) -> BookUpdate:
        best = self._ticks(message["bids"][0][0])
        band = (int(best * (1 - _BAND)), int(best * (1 + _BAND)))
        self._last_id = int(message["lastUpdateId"])
        self._bids, self._asks = _Side(+1, band), _Side(-1, band)
        bids = self._bids.apply(self._reader.each(message["bids"]))
        asks = self._asks.apply(self._reader.each(message["asks"]))
        return BookUpdate(*self._spec.key, ts_ms, bids, asks, snapshot=True)

    def _depth(self, ts_ms: int, data: Mapping[str, Any]) -> Iterator[MarketEvent]:
        if self._last_id is None or data["u"] < self._last_id:
            return
        if self._joined and data["pu"] != self._last_id:
            raise ValueError(f"{self._spec.symbol}: depth updates are missing at {data['u']}")
        if not self._joined and data["U"] > self._last_id + 1:
            raise ValueError(f"{self._spec.symbol}: the snapshot is older than its updates")
        self._joined = True
        self._last_id = int(data["u"])
        bids = self._bids.apply(self._reader.levels(data["b"]))
        asks = self._asks.apply(self._reader.levels(data["a"]))
        if bids or asks:
            yield BookUpdate(*self._spec.key, ts_ms, bids, asks)
        if ts_ms >= self._next_mark_ms:
            self._next_mark_ms = ts_ms + _MARK_EVERY_MS
            mid = self._spec.price(self._bids.best() + self._asks.best()) / 2
            yield MarkUpdate(*self._spec.key, ts_ms, mid, mid, _FUNDING_RATE)

    def _trade(self, ts_ms: int, data: Mapping[str, Any]) -> MarketTrade:
        return MarketTrade(
            *self._spec.key,
            ts_ms,
            self._ticks(data["p"]),
            self._steps(data["q"]),
            "Sell" if data["m"] else "Buy",  # m: the buyer was the maker
        )
