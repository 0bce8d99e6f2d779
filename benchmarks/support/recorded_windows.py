"""Windows of recorded minutes as markets: the same window is the same path for every algorithm."""

import csv
import gzip
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from pathlib import Path

import numpy as np

from bot.market.volume.panel import DAY_MINUTES, Panel, minute_of, moment_of
from paper_exchange.market.bars import BarMarket
from paper_exchange.types import BookUpdate, InstrumentSpec, MarketEvent

LEAD_MINUTES = 1
"""The market runs this long before the order begins: there is a book to decide on."""
TAIL_MINUTES = 6
"""And this long after its deadline, for the price five minutes after the last fill."""


@dataclass(frozen=True, slots=True)
class Window:
    """One symbol's market around one order; `start` is where the order may begin."""

    symbol: str
    start: datetime
    minutes: int
    spec: InstrumentSpec
    events: tuple[MarketEvent, ...]
    """From `LEAD_MINUTES` before the start, at 0 ms, to `TAIL_MINUTES` after the end."""
    day_volume: float
    """Base units of the 24 hours before the start."""
    day_volatility: float
    """Standard deviation of a day's log return, from the minutes of the same 24 hours."""

    @property
    def key(self) -> str:
        return f"{self.symbol} {self.start:%Y-%m-%dT%H:%M}"

    @property
    def opens_at(self) -> datetime:
        return self.start - timedelta(minutes=LEAD_MINUTES)


def chosen_starts(
    panel: Panel, symbol: str, first_minute: int, minutes: int, count: int, seed: int
) -> Iterator[int]:
    """Minutes at which windows begin that don't overlap, drawn from those since `first_minute`.

    One from each of `count` equal parts of that time: the whole of it is represented.
    """
    length = LEAD_MINUTES + minutes + TAIL_MINUTES
    # A day of the past belongs to each window.
    begin = max(first_minute, panel.first_minute + DAY_MINUTES + LEAD_MINUTES)
    part = (panel.end_minute - begin) // count
    if part < length:
        raise ValueError(f"{count} windows of {length} minutes don't fit into the bars")
    chance = np.random.default_rng([seed, panel.row(symbol)])
    for i in range(count):
        yield begin + i * part + LEAD_MINUTES + int(chance.integers(0, part - length + 1))


def cut(folder: Path, panel: Panel, symbol: str, minute: int, minutes: int) -> Window:
    """The window whose order begins at `minute`; the path inside a minute is drawn from it."""
    first, end = minute - LEAD_MINUTES, minute + minutes + TAIL_MINUTES
    day = panel.between(minute - DAY_MINUTES, minute)
    row = panel.row(symbol)
    with tempfile.TemporaryDirectory() as place:
        _copy(folder / f"{symbol}_1m.csv.gz", Path(place), first, end)
        market = BarMarket(Path(place), seed=minute, symbols=[symbol])
        (spec,) = market.instruments()
        events = tuple(_one_pass(market))
    return Window(
        symbol=symbol,
        start=moment_of(minute),
        minutes=minutes,
        spec=spec,
        events=events,
        day_volume=float(day.volume[row].sum()),
        day_volatility=float(np.diff(np.log(day.close[row])).std() * np.sqrt(DAY_MINUTES)),
    )


def _one_pass(market: BarMarket) -> Iterator[MarketEvent]:
    """A market is endless; what begins it anew is its next snapshot."""
    events = market.events()
    yield next(events)
    yield from takewhile(lambda e: not (isinstance(e, BookUpdate) and e.snapshot), events)


def whole_lots(qty: float, spec: InstrumentSpec) -> Decimal:
    return int(Decimal(repr(qty)) / spec.qty_step) * spec.qty_step


def _copy(source: Path, target: Path, first: int, end: int) -> None:
    """The rows of minutes in [first, end) as a recording of their own."""
    with gzip.open(source, "rt", newline="", encoding="utf-8") as lines:
        rows = csv.reader(lines)
        header = next(rows)
        time = header.index("timestamp")
        kept: Sequence[list[str]] = [
            row for row in rows if first <= minute_of(datetime.fromisoformat(row[time])) < end
        ]
    if len(kept) != end - first:
        raise ValueError(f"{source.name} lacks minutes of {moment_of(first)} to {moment_of(end)}")
    with gzip.open(target / source.name, "wt", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([header, *kept])
