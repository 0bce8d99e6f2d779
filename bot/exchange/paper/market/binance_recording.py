"""Recorded Binance USD-M streams as a market: every depth change and every trade, read lazily.

Each symbol has one or more gzip files of `<receive time ns> <json>` lines. Its book begins with the
REST snapshot near the start of the first file and continues by Binance's rule (`pu` of an update
is `u` of the one before it). Times are receive times, the order in which it was all seen.
"""

import gzip
import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any

from bot.exchange.paper.market import parameters as P  # noqa: N812 - a table of named figures
from bot.exchange.paper.market.looping import endless, whole_units
from bot.exchange.paper.market.past import opening_days, pasts
from bot.exchange.paper.market.synthetic import specification
from bot.exchange.paper.types import (
    BookUpdate,
    Category,
    InstrumentSpec,
    MarketEvent,
    MarketTrade,
    MarkUpdate,
    Past,
)

FOLDER_PATTERN = "binance_usdm_*"
_MARK_EVERY_MS = 1000
# Orders far from the market (a bid at 1000 for BTC) never trade here and would only cost memory.
_BAND = Decimal("0.1")
# The recording has no mark price or funding: the mid stands for it, and Binance's usual rate.
_FUNDING_RATE = Decimal("0.0001")
_PAST_SEED = 1
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

    def instruments(self) -> Sequence[InstrumentSpec]:
        return list(self._specs.values())

    def history(self) -> Mapping[tuple[Category, str], Past]:
        """Drawn: the recording holds nothing before its start."""
        specs = self.instruments()
        return pasts(_PAST_SEED, specs, opening_days(self.events(), specs))

    def events(self) -> Iterator[MarketEvent]:
        return endless(self._one_pass)

    def _one_pass(self) -> Iterator[MarketEvent]:
        start_ns = min(_first_time(paths[0]) for paths in self._files.values())
        streams = [
            _SymbolStream(self._specs[symbol], start_ns).events(_lines(paths))
            for symbol, paths in self._files.items()
        ]
        return heapq.merge(*streams, key=_BY_TIME)


def _spec(symbol: str) -> InstrumentSpec:
    """Bybit's rules, but Binance's lot of 0.001, which the recorded sizes are multiples of."""
    rows = {i.symbol: i for i in P.INSTRUMENTS if i.category == "linear"}
    if symbol not in rows:
        raise ValueError(f"no trading rules are known for {symbol}")
    lot = Decimal("0.001")
    return specification(replace(rows[symbol], qty_step=lot, min_qty=lot))


def _first_time(path: Path) -> int:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return int(lines.readline().partition(" ")[0])


def _lines(paths: Sequence[Path]) -> Iterator[tuple[int, dict[str, Any]]]:
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                time_ns, _, text = line.partition(" ")
                if "@bookTicker" in text:  # the depth stream says it all, and half the lines are it
                    continue
                yield int(time_ns), json.loads(text)


class _SymbolStream:
    """Turns one symbol's recorded messages into events. Nothing comes before its snapshot."""

    def __init__(self, spec: InstrumentSpec, start_ns: int) -> None:
        self._spec = spec
        self._start_ns = start_ns
        self._ticks = whole_units(spec.tick_size)
        self._steps = whole_units(spec.qty_step)
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._band = (0, 0)
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
                # Before the snapshot nothing is known, but the updates that follow it may have
                # overtaken it on the way.
                if data["e"] == "depthUpdate":
                    self._early.append(data)
            elif data["e"] == "depthUpdate":
                yield from self._depth(ts_ms, data)
            elif data["e"] == "trade" and data["X"] == "MARKET":
                yield self._trade(ts_ms, data)

    def _snapshot(self, ts_ms: int, message: Mapping[str, Any]) -> BookUpdate:
        best = self._ticks(message["bids"][0][0])
        self._band = (int(best * (1 - _BAND)), int(best * (1 + _BAND)))
        self._last_id = int(message["lastUpdateId"])
        self._bids, self._asks = {}, {}
        bids = self._apply(self._bids, message["bids"])
        asks = self._apply(self._asks, message["asks"])
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
        bids, asks = self._apply(self._bids, data["b"]), self._apply(self._asks, data["a"])
        if bids or asks:
            yield BookUpdate(*self._spec.key, ts_ms, bids, asks)
        if ts_ms >= self._next_mark_ms:
            self._next_mark_ms = ts_ms + _MARK_EVERY_MS
            mid = self._spec.price(max(self._bids) + min(self._asks)) / 2
            yield MarkUpdate(*self._spec.key, ts_ms, mid, mid, _FUNDING_RATE)

    def _apply(
        self, side: dict[int, int], levels: Sequence[tuple[str, str]]
    ) -> list[tuple[int, int]]:
        low, high = self._band
        changes = []
        for price, size in levels:
            tick = self._ticks(price)
            steps = self._steps(size)
            if not low <= tick <= high:
                continue
            if steps:
                side[tick] = steps
            elif side.pop(tick, None) is None:
                continue  # Binance may delete a level that was never in the book
            changes.append((tick, steps))
        return changes

    def _trade(self, ts_ms: int, data: Mapping[str, Any]) -> MarketTrade:
        return MarketTrade(
            *self._spec.key,
            ts_ms,
            self._ticks(data["p"]),
            self._steps(data["q"]),
            "Sell" if data["m"] else "Buy",  # m: the buyer was the maker
        )
