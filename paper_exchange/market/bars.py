"""1-minute bars as a market. Each bar becomes ticks; their volumes add up exactly to the bar's.

The path of trades touches open, high, low and close. A synthetic book stands around it. Files are
read lazily, minute by minute, so that weeks of bars cost no memory.
"""

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import islice
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.ladder import Ladder
from paper_exchange.market.looping import endless, whole_units
from paper_exchange.market.past import DAY_MINUTES, fundings, opening_days, pasts
from paper_exchange.market.synthetic import specification
from paper_exchange.types import Bar, Category, InstrumentSpec, MarketEvent, MarkUpdate, Past

FOLDER_PATTERN = "bybit_linear_1m_*"
TICKS_PER_BAR = 120
_MINUTE_MS = 60_000
_TICK_MS = _MINUTE_MS // TICKS_PER_BAR
_MARK_EVERY_TICKS = 10
# Bars have no funding: the interest part of Bybit's formula stands for it.
_FUNDING = Decimal(str(P.INTEREST_PER_INTERVAL))
_BY_TIME = attrgetter("ts_ms")


@dataclass(frozen=True, slots=True)
class Ticks:
    """The trades of a bar, one per slot. A slot of volume 0 moves the quotes without a trade."""

    prices: list[int]
    volumes: list[int]
    buys: list[bool]


def expand(bar: Bar, rng: np.random.Generator) -> Ticks:
    """The ticks of one bar.

    With a volume of four steps or more, open, high, low and close all trade.
    """
    prices, anchors = _path(bar, rng)
    moves = np.diff(prices, prepend=prices[0])
    weights = rng.exponential(1.0, TICKS_PER_BAR) * (1 + np.abs(moves) / max(1, bar.high - bar.low))
    volumes = _split(bar.volume, weights, anchors)
    buys = np.where(moves == 0, rng.random(TICKS_PER_BAR) < 0.5, moves > 0)
    return Ticks(prices.tolist(), volumes.tolist(), buys.tolist())


def _path(bar: Bar, rng: np.random.Generator) -> tuple[NDArray[np.int64], list[int]]:
    """The prices of a bar, as Brownian bridges between open, the two extremes and close.

    A rising bar sees its low first and a falling bar its high, which is the shorter way. Prices
    stay within the bar. Returns the prices, and the slots of open, close and the extremes.
    """
    first, second = sorted(rng.choice(np.arange(1, TICKS_PER_BAR - 1), 2, replace=False).tolist())
    extremes = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    slots = [0, first, second, TICKS_PER_BAR - 1]
    values = [bar.open, *extremes, bar.close]
    walk = np.cumsum(rng.standard_normal(TICKS_PER_BAR))
    bridge = walk - np.interp(np.arange(TICKS_PER_BAR), slots, walk[slots])
    # A random walk's range over n steps is about 1.6 sqrt(n) of its step.
    scale = (bar.high - bar.low) / (1.6 * np.sqrt(TICKS_PER_BAR))
    path = np.interp(np.arange(TICKS_PER_BAR), slots, values) + scale * bridge
    prices = np.clip(np.rint(path), bar.low, bar.high).astype(np.int64)
    prices[slots] = values
    return prices, [0, TICKS_PER_BAR - 1, first, second]


def _split(volume: int, weights: NDArray[np.float64], anchors: Sequence[int]) -> NDArray[np.int64]:
    """Splits a volume into whole steps by largest remainder.

    The sum is exact. The anchors get their step first.
    """
    volumes = np.zeros(len(weights), dtype=np.int64)
    volumes[list(anchors[: min(volume, len(anchors))])] = 1
    rest = volume - int(volumes.sum())
    shares = rest * (weights / weights.sum())
    whole = np.floor(shares).astype(np.int64)
    missing = rest - int(whole.sum())
    # Float rounding can leave a sum one off in either direction. Both are corrected here.
    order = np.argsort(whole - shares, kind="stable")
    step = 1 if missing >= 0 else -1
    whole[order[::step][: abs(missing)]] += step
    volumes += whole
    return volumes


class BarMarket:
    """A `MarketSource` of one folder of `SYMBOL_1m.csv.gz` files, looped. Deterministic by seed.

    The first day is the market's past and is never replayed. A shorter recording gets a drawn past.
    """

    def __init__(self, folder: Path, seed: int = 1, symbols: Sequence[str] | None = None) -> None:
        files = {p.name.removesuffix("_1m.csv.gz"): p for p in sorted(folder.glob("*_1m.csv.gz"))}
        known = {i.symbol: i for i in P.BAR_INSTRUMENTS if i.symbol in files}
        unknown = sorted(set(symbols or ()) - known.keys())
        if unknown or not known:
            raise ValueError(f"{folder.name} has no bars of {unknown or 'any known symbol'}")
        self._seed = seed
        self._files = files
        self._chosen = [i for s, i in known.items() if symbols is None or s in symbols]

    def instruments(self) -> Sequence[InstrumentSpec]:
        """The instruments of the bars."""
        return [specification(i) for i in self._chosen]

    def history(self) -> Mapping[tuple[Category, str], Past]:
        """The minute bars and funding rates before the start, by product and symbol."""
        if not self._recorded_past:
            specs = self.instruments()
            days = opening_days(self.events(), specs)
            return pasts(self._seed, specs, days, coins=P.BAR_COINS)
        return {
            (i.category, i.symbol): Past(
                self._recorded_past[i.symbol],
                fundings(np.random.default_rng([self._seed, P.BAR_INSTRUMENTS.index(i)])),
            )
            for i in self._chosen
        }

    def events(self) -> Iterator[MarketEvent]:
        """The events of all instruments in time order, without end."""
        return endless(self._one_pass)

    @cached_property
    def _first_common(self) -> int:
        return max(next(self._rows(i)).minute for i in self._chosen)

    def _rows(self, instrument: P.InstrumentParameters, first: int = 0) -> Iterator[Bar]:
        return _bars(self._files[instrument.symbol], specification(instrument), first)

    @cached_property
    def _recorded_past(self) -> dict[str, list[Bar]]:
        """The bars before the replay's start by symbol.

        There are none unless all symbols have all of them.
        """
        past: dict[str, list[Bar]] = {}
        start = self._first_common + DAY_MINUTES
        for instrument in self._chosen:
            rows = self._rows(instrument, self._first_common)
            bars = [replace(bar, minute=bar.minute - start) for bar in islice(rows, DAY_MINUTES)]
            if [bar.minute for bar in bars] != list(range(-DAY_MINUTES, 0)) or not next(rows, None):
                return {}
            past[instrument.symbol] = bars
        return past

    def _one_pass(self) -> Iterator[MarketEvent]:
        """One pass over the bars.

        It begins with the first minute that all symbols have. It ends with the last minute before a
        symbol's bars end.
        """
        first = self._first_common + (DAY_MINUTES if self._recorded_past else 0)
        rows = {i.symbol: self._rows(i, first) for i in self._chosen}
        heads = {symbol: next(bars) for symbol, bars in rows.items()}
        makers = {i.symbol: self._maker(i, heads[i.symbol]) for i in self._chosen}
        while True:
            minute = min(bar.minute for bar in heads.values())
            out: list[MarketEvent] = []
            for symbol, bar in heads.items():
                if bar.minute == minute:
                    makers[symbol].play(bar, (minute - first) * _MINUTE_MS, out)
            out.sort(key=_BY_TIME)
            yield from out
            for symbol, bars in rows.items():
                if heads[symbol].minute == minute:
                    following = next(bars, None)
                    if following is None:
                        return
                    heads[symbol] = following

    def _maker(self, instrument: P.InstrumentParameters, bar: Bar) -> "_BarMaker":
        place = P.BAR_INSTRUMENTS.index(instrument)
        rng = np.random.default_rng([self._seed, place])
        return _BarMaker(instrument, bar, 7 * place, rng)


def _bars(path: Path, spec: InstrumentSpec, first: int) -> Iterator[Bar]:
    """The bars from minute `first` on."""
    ticks, steps = whole_units(spec.tick_size), whole_units(spec.qty_step)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        places = {name: place for place, name in enumerate(next(rows))}
        time = places["timestamp"]
        fields = [places[name] for name in ("open", "high", "low", "close", "volume")]
        for row in rows:
            minute = _minute(row[time], spec.symbol)
            if minute < first:
                continue
            *prices, volume = (row[place] for place in fields)
            yield _bar(minute, [ticks(price) for price in prices], steps(volume))


def _minute(text: str, symbol: str) -> int:
    opened = datetime.fromisoformat(text)
    if opened.utcoffset() is None:
        raise ValueError(f"{symbol}: a bar's time lacks its zone: {text}")
    return int(opened.timestamp()) // 60


def _bar(minute: int, prices: Sequence[int], volume: int) -> Bar:
    """One bar.

    The files hold no turnover, so that the mean of the four prices stands for its price.
    """
    opened, high, low, close = prices
    return Bar(minute, opened, high, low, close, volume, volume * sum(prices) // 4)


class _BarMaker:
    """Plays one symbol's bars around a book of its own."""

    def __init__(
        self,
        instrument: P.InstrumentParameters,
        bar: Bar,
        phase_ms: int,
        rng: np.random.Generator,
    ) -> None:
        self._spec = specification(instrument)
        self._phase_ms = phase_ms
        self._rng = rng
        self._ladder = Ladder(instrument, bar.open * float(instrument.tick_size), rng)
        self._touch_steps = instrument.touch_usd * self._ladder.steps_per_usd
        self._opened = False

    def play(self, bar: Bar, start_ms: int, out: list[MarketEvent]) -> None:
        ticks = expand(bar, self._rng)
        noise = np.exp(P.TOUCH_NOISE_LOG_SD * self._rng.standard_normal((TICKS_PER_BAR, 2)))
        sizes = np.maximum(1, noise * self._touch_steps).astype(np.int64).tolist()
        shape = (TICKS_PER_BAR, 2 * P.REFRESHED_LEVELS)
        depths = self._rng.geometric(1 / P.REFRESH_DEPTH, shape)
        refreshed = np.minimum(depths - 1, P.BOOK_LEVELS - 1).tolist()
        for j, (price, volume, buy) in enumerate(
            zip(ticks.prices, ticks.volumes, ticks.buys, strict=True)
        ):
            ts_ms = start_ms + j * _TICK_MS + self._phase_ms
            quotes = (price - 1, price) if buy else (price, price + 1)
            bid, ask = sizes[j]
            # The book shows at least the volume that the bar has traded.
            shown = (bid, max(ask, volume)) if buy else (max(bid, volume), ask)
            self._quote(ts_ms, quotes, shown, refreshed[j], out)
            if volume:
                self._ladder.take(ts_ms, buy, volume, out)
            if j % _MARK_EVERY_TICKS == 0:
                out.append(self._mark(ts_ms, price))

    def _quote(
        self,
        ts_ms: int,
        quotes: tuple[int, int],
        sizes: tuple[int, int],
        refreshed: list[int],
        out: list[MarketEvent],
    ) -> None:
        if not self._opened:
            self._opened = True
            out.append(self._ladder.open(ts_ms, quotes, sizes))
            return
        self._ladder.move(quotes, sizes)
        self._ladder.refresh(refreshed, (1.0, 1.0))
        out.append(self._ladder.publish(ts_ms))

    def _mark(self, ts_ms: int, price: int) -> MarkUpdate:
        mark = self._spec.price(price)
        return MarkUpdate(*self._spec.key, ts_ms, mark, mark, _FUNDING)
