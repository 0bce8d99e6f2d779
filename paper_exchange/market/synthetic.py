"""A seeded synthetic market for users without recordings: endless, deterministic, fast."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count, islice
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.instruments import reply_row
from paper_exchange.market.parameters import InstrumentParameters
from paper_exchange.market.past import opening_days, pasts
from paper_exchange.market.synthetic_book import BookBlock, BookMaker
from paper_exchange.market.synthetic_path import PathBlock, PathGenerator
from paper_exchange.types import (
    Category,
    InstrumentSpec,
    MarketEvent,
    MarketTrade,
    MarkUpdate,
    Past,
)

_COIN_INDEX = {coin.coin: i for i, coin in enumerate(P.COINS)}
_BY_TIME = itemgetter(MarketTrade._fields.index("ts_ms"))  # at the same place in every event
_PLAYED_STEPS = 10  # the steps played at once: a third of a millisecond of work
MAX_UPDATES = 5
"""Five books in a step are 10 to 20 ms apart, as in Bybit's fastest streams."""


class SyntheticMarket:
    """A `MarketSource` of the coins in `parameters.py`.

    The same seed gives the same events; leaving symbols out changes nothing for the others.
    """

    def __init__(
        self, seed: int = 1, symbols: Sequence[str] | None = None, *, updates: int = 1
    ) -> None:
        """`updates` is how many books each instrument publishes in a step of 100 ms.

        Raises ValueError for an unknown symbol, and for a number outside 1 to 5.
        """
        known = {i.symbol for i in P.INSTRUMENTS}
        unknown = sorted(set(symbols or ()) - known)
        if unknown:
            raise ValueError(f"the synthetic market has no {unknown}; it has {sorted(known)}")
        if not 1 <= updates <= MAX_UPDATES:
            raise ValueError(f"{updates} book updates in a step; possible: 1 to {MAX_UPDATES}")
        self._seed = seed
        self._updates = updates
        self._chosen = [i for i in P.INSTRUMENTS if symbols is None or i.symbol in symbols]

    def instruments(self) -> Sequence[InstrumentSpec]:
        """The instruments of the chosen symbols."""
        return [specification(i) for i in self._chosen]

    def history(self) -> Mapping[tuple[Category, str], Past]:
        """The minute bars and funding rates before the start, by product and symbol."""
        specs = self.instruments()
        return pasts(self._seed, specs, opening_days(self.events(), specs))

    def events(self) -> Iterator[MarketEvent]:
        """The market's events without end.

        Every call starts again at time 0 with the same market.
        """
        path = PathGenerator(self._seed)
        players = [(self._maker(i), _Reference(i)) for i in self._chosen]
        drawn = [part for part in _drawn(path, players) if part is not None]
        openings = [
            (maker.opening(books), mark.opening(prices))
            for (maker, mark), (books, prices) in zip(players, drawn, strict=True)
        ]
        yield from (book for book, _ in openings)
        yield from (mark for _, mark in openings)
        parts = 1 + 2 * len(players)
        for start_ms in count(0, P.STEPS_PER_BLOCK * P.STEP_MS):
            for (maker, _), (books, _) in zip(players, drawn, strict=True):
                maker.begin(books)
            drawing, following = _drawn(path, players), list[_Drawn]()
            for first in range(0, P.STEPS_PER_BLOCK, _PLAYED_STEPS):
                end = first + _PLAYED_STEPS
                out: list[MarketEvent] = []
                for (maker, mark), (books, prices) in zip(players, drawn, strict=True):
                    out += maker.play(books, first, end, start_ms)
                    out += mark.play(prices, first, end, start_ms)
                out.sort(key=_BY_TIME)
                middle = len(out) // 2
                yield from out[:middle]
                # Each of the last portions makes a part of the next block. All parts at once would
                # hold up a server, and so would one right before a portion is made.
                if P.STEPS_PER_BLOCK - first <= parts * _PLAYED_STEPS:
                    following += filter(None, islice(drawing, 1))
                yield from out[middle:]
            drawn = following

    def _maker(self, instrument: InstrumentParameters) -> BookMaker:
        place = P.INSTRUMENTS.index(instrument)
        rng = np.random.default_rng([self._seed, place])
        phase_ms = P.STEP_MS // 2 + 7 * place  # books of different symbols are not pushed at once
        return BookMaker(instrument, _coin(instrument), phase_ms, rng, self._updates)


@dataclass(frozen=True, slots=True)
class _Prices:
    """The reference prices of a block: those after its first step, then those of each update."""

    basis: list[float]
    marks: list[int]
    indices: list[int]


class _Reference:
    """Mark, index and funding of one instrument from its path."""

    def __init__(self, instrument: InstrumentParameters) -> None:
        self._category = instrument.category
        self._symbol = instrument.symbol
        self._coin = _coin(instrument)
        self._unit = instrument.tick_size
        self._phase = P.INSTRUMENTS.index(instrument) % P.MARK_EVERY_STEPS
        self._premium = 0.0
        self._samples = 0

    def draw(self, path: PathBlock) -> _Prices:
        """Looks up the prices of the coming block at once, in ticks."""
        steps = [0, *range(self._phase, P.STEPS_PER_BLOCK, P.MARK_EVERY_STEPS)]
        basis = path.basis[steps, self._coin]
        log_price = path.log_price[steps, self._coin]
        return _Prices(basis.tolist(), self._ticks(log_price), self._ticks(log_price - basis))

    def opening(self, prices: _Prices) -> MarkUpdate:
        """The first update; call it for the first block."""
        return self._update(0, prices, 0)

    def play(self, prices: _Prices, first: int, end: int, start_ms: int) -> list[MarketEvent]:
        """The updates at the ends of some steps, from `first` to the one before `end`."""
        every, phase = P.MARK_EVERY_STEPS, self._phase
        numbers = range(-((phase - first) // every), -((phase - end) // every))
        after_ms = start_ms + (phase + 1) * P.STEP_MS - 1
        return [self._update(after_ms + n * every * P.STEP_MS, prices, n + 1) for n in numbers]

    def _update(self, ts_ms: int, prices: _Prices, place: int) -> MarkUpdate:
        index = prices.indices[place] * self._unit
        if self._category == "spot":
            return MarkUpdate(self._category, self._symbol, ts_ms, None, index)
        mark, funding = prices.marks[place] * self._unit, self._funding(prices.basis[place])
        return MarkUpdate(self._category, self._symbol, ts_ms, mark, index, funding)

    def _ticks(self, log_prices: NDArray[np.float64]) -> list[int]:
        ticks: list[int] = np.rint(np.exp(log_prices) / float(self._unit)).astype(np.int64).tolist()
        return ticks

    def _funding(self, basis: float) -> Decimal:
        """Bybit's formula on the premium's running mean. The mean forgets over one interval."""
        interval = P.FUNDING_INTERVAL_MINUTES * 60_000 // (P.STEP_MS * P.MARK_EVERY_STEPS)
        self._samples = min(self._samples + 1, interval)
        self._premium += (basis - self._premium) / self._samples
        pull = P.INTEREST_PER_INTERVAL - self._premium
        rate = self._premium + min(max(pull, -P.FUNDING_CLAMP), P.FUNDING_CLAMP)
        return Decimal(round(rate * 1e8)).scaleb(-8)


_Drawn = tuple[BookBlock, _Prices]


def _drawn(
    path: PathGenerator, players: Sequence[tuple[BookMaker, _Reference]]
) -> Iterator[_Drawn | None]:
    """Draws the next block in parts of about a millisecond; None after one that ends nothing."""
    block = path.block()
    yield None
    for maker, mark in players:
        drawn = maker.draw(block)
        yield None
        yield maker.plan(drawn), mark.draw(block)


def _coin(instrument: InstrumentParameters) -> int:
    return _COIN_INDEX[instrument.symbol.removesuffix("USDT")]


def specification(instrument: InstrumentParameters) -> InstrumentSpec:
    """Trading rules as the exchange publishes them, with a row in Bybit's shape."""

    def build(raw: dict[str, object]) -> InstrumentSpec:
        return InstrumentSpec(
            category=instrument.category,
            symbol=instrument.symbol,
            base_coin=instrument.symbol.removesuffix("USDT"),
            quote_coin="USDT",
            tick_size=instrument.tick_size,
            qty_step=instrument.qty_step,
            min_qty=instrument.min_qty,
            max_limit_qty=instrument.max_limit_qty,
            max_market_qty=instrument.max_market_qty,
            min_notional=P.MIN_NOTIONAL,
            max_leverage=instrument.max_leverage,
            price_limit_x=instrument.price_limit_x,
            price_limit_y=instrument.price_limit_y,
            funding_interval_minutes=P.FUNDING_INTERVAL_MINUTES,
            raw=raw,
        )

    return build(reply_row(build({})))
