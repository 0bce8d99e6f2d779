"""Draws the days before a market's first event, ending exactly at its first price.

Prices come from the synthetic market's generator, in steps of some seconds. Volumes come from its
activity and trade sizes. Where a recorded ticker tells of the last 24 hours, the drawn day is bent
to it. It then has the same price a day and an hour ago, and the same high, low and turnover.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.parameters import InstrumentParameters
from paper_exchange.market.synthetic_path import Floats, PathGenerator
from paper_exchange.types import (
    Bar,
    BookUpdate,
    Category,
    InstrumentSpec,
    MarketEvent,
    MarketTrade,
    MarkUpdate,
    Past,
)

Key = tuple[Category, str]

DAY_MINUTES = 1440
HOUR_MINUTES = 60
# The volume models learn from three days and are tested on two. Each day costs a market about 0.03
# s and 2 MB at its start.
MINUTES = 5 * DAY_MINUTES
FUNDINGS = 200  # as many as one funding/history reply holds
_STEP_MS = 6000
_STEPS = 60_000 // _STEP_MS
_SALT = 0x9A57  # keeps the past's draws apart from those of the live market of the same seed
# The continuous maximum of a random walk exceeds that of its steps by this many step deviations
# on average (Broadie, Glasserman & Kou 1997).
_BEYOND_STEPS = 0.5826
_STRETCH = (0.2, 5.0)  # how far volatility may be bent towards a recorded day's range


@dataclass(frozen=True, slots=True)
class DayStatistics:
    """A recorded ticker's view of the 24 hours before the start; None for a missing field."""

    last: Decimal
    day_ago: Decimal | None = None
    hour_ago: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    turnover: Decimal | None = None


@dataclass(slots=True)
class _Curves:
    """Log prices by minute. `close` also has the price before the first minute."""

    close: Floats
    high: Floats
    low: Floats


class PastGenerator:
    """Pasts of any instruments of some coins, correlated as the coins are.

    With the same seed an instrument has the same past. The other instruments don't change it.
    """

    def __init__(self, seed: int, coins: Sequence[P.CoinParameters]) -> None:
        self._seed = seed
        self._places = {coin.coin: i for i, coin in enumerate(coins)}
        steps = MINUTES * _STEPS
        # The walk covers whole days, so that the hourly curves go on into the live market's.
        self._path = PathGenerator([seed, _SALT], coins, _STEP_MS, steps).block()

    def past(
        self,
        spec: InstrumentSpec,
        market: InstrumentParameters,
        day: DayStatistics,
        funding_rate: Decimal | None = None,
    ) -> Past:
        """The past of one instrument.

        `funding_rate` is the rate at the start. Earlier rates are drawn backwards from it.
        """
        coin = self._places[spec.base_coin]
        spot = spec.category == "spot"
        rng = np.random.default_rng([self._seed, _SALT, coin, spot])
        curves = self._curves(coin, spot, float(day.last), rng)
        _bend(curves, day)
        volumes = self._usd(coin, market, rng)
        bars = _bars(spec, curves, volumes, day)
        if spot:
            return Past(bars)
        return Past(bars, fundings(rng, funding_rate))

    def _curves(self, coin: int, spot: bool, last: float, rng: np.random.Generator) -> _Curves:
        log_price = self._path.log_price[:, coin]
        if spot:
            log_price = log_price - self._path.basis[:, coin]
        steps = log_price + (np.log(last) - log_price[-1])
        by_minute = steps.reshape(MINUTES, _STEPS)
        close = np.concatenate([steps[:1], by_minute[:, -1]])
        roughness = np.sqrt(np.mean(np.square(np.diff(by_minute, axis=1)), axis=1))
        wicks = rng.exponential(_BEYOND_STEPS, (2, MINUTES)) * roughness
        high = np.maximum(by_minute.max(axis=1), close[:-1]) + wicks[0]
        low = np.minimum(by_minute.min(axis=1), close[:-1]) - wicks[1]
        return _Curves(close, high, low)

    def _usd(self, coin: int, market: InstrumentParameters, rng: np.random.Generator) -> Floats:
        """The turnover of each minute in USD: expected trades times randomly dispersed sizes."""
        surprise = np.minimum(np.abs(self._path.surprise[:, coin]), 5.0)
        busy = self._path.activity * (1 + P.TRADE_VOLATILITY_LINK * surprise)
        share = busy.reshape(MINUTES, _STEPS).mean(axis=1) / busy.mean()
        trades = market.trades_per_second * 60 * share
        # A sum of n sizes has the relative variance E[X^2] / n of a gamma with this shape.
        shape = trades / _mean_square_size()
        usd = market.daily_volume_usd / DAY_MINUTES * share * rng.gamma(shape) / shape
        return np.asarray(usd)


def _mean_square_size() -> float:
    """The second moment of trade sizes of mean 1: Lomax, cut at the table's cap."""
    tail, scale = P.TRADE_SIZE_TAIL, P.TRADE_SIZE_TAIL - 1
    most = 1 + P.TRADE_SIZE_CAP / scale
    inner = (most ** (2 - tail) - 1) / (2 - tail) - (most ** (1 - tail) - 1) / (1 - tail)
    mean = 1 - most ** (1 - tail)
    return float(2 * scale**2 * inner / mean**2)


def _bend(curves: _Curves, day: DayStatistics) -> None:
    """Bends the curves to the recorded prices, and their last day to its recorded range."""
    if day.day_ago is None:
        return
    pins = {-DAY_MINUTES - 1: day.day_ago, -HOUR_MINUTES - 1: day.hour_ago, -1: day.last}
    known = {MINUTES + 1 + at: float(np.log(float(p))) for at, p in pins.items() if p is not None}
    places, values = list(known), np.array(list(known.values()))
    minutes = np.arange(MINUTES + 1)
    target = np.interp(minutes, places, values)
    natural = np.interp(minutes, places, curves.close[places])
    deviations = _Curves(
        curves.close - natural, curves.high - natural[1:], curves.low - natural[1:]
    )
    ends = tuple(
        float(np.log(float(price))) if price is not None else None for price in (day.low, day.high)
    )
    stretch = 1.0
    if ends[0] is not None and ends[1] is not None:
        stretch = _stretch(deviations, target, ends[1] - ends[0])
    curves.close = target + stretch * deviations.close
    curves.high = target[1:] + stretch * deviations.high
    curves.low = target[1:] + stretch * deviations.low
    _squeeze(curves, values, ends)


def _stretch(deviations: _Curves, target: Floats, wanted: float) -> float:
    """The factor of all deviations that gives the last day the wanted range of log prices."""
    line = target[-DAY_MINUTES:]
    high, low = deviations.high[-DAY_MINUTES:], deviations.low[-DAY_MINUTES:]
    least, most = _STRETCH
    for _ in range(20):
        middle = (least + most) / 2
        if np.max(line + middle * high) - np.min(line + middle * low) < wanted:
            least = middle
        else:
            most = middle
    return (least + most) / 2


def _squeeze(curves: _Curves, pins: Floats, ends: tuple[float | None, ...]) -> None:
    """Maps the last day between the recorded low and high.

    The order of prices and the pinned prices stay.
    """
    last_day = slice(-DAY_MINUTES, None)
    inner = float(pins.min()), float(pins.max())
    found = float(curves.low[last_day].min()), float(curves.high[last_day].max())
    knots = list(zip(inner, inner, strict=True))
    if ends[0] is not None and found[0] < inner[0]:
        knots.insert(0, (found[0], min(ends[0], inner[0])))
    if ends[1] is not None and found[1] > inner[1]:
        knots.append((found[1], max(ends[1], inner[1])))
    natural, wanted = zip(*knots, strict=True)
    for curve in (curves.close, curves.high, curves.low):
        curve[last_day] = np.interp(curve[last_day], natural, wanted)


def _bars(spec: InstrumentSpec, curves: _Curves, usd: Floats, day: DayStatistics) -> list[Bar]:
    tick = float(spec.tick_size)
    close, high, low = (
        np.maximum(1, np.rint(np.exp(curve) / tick)).astype(np.int64)
        for curve in (curves.close, curves.high, curves.low)
    )
    opened, close = close[:-1], close[1:]
    close[-1] = int(day.last / spec.tick_size)
    if day.high is not None and day.low is not None:
        _touch(high, low, int(day.high / spec.tick_size), int(day.low / spec.tick_size))
    high = np.maximum(high, np.maximum(opened, close))
    low = np.minimum(low, np.minimum(opened, close))
    middle = (opened + close + high + low) / 4
    unit = float(spec.tick_size * spec.qty_step)
    volume = usd / unit / middle
    if day.turnover is not None:
        volume *= float(day.turnover) / unit / float((volume * middle)[-DAY_MINUTES:].sum())
    volume = np.rint(volume).astype(np.int64)
    turnover = np.clip(np.rint(volume * middle).astype(np.int64), low * volume, high * volume)
    columns = (np.arange(-MINUTES, 0), opened, high, low, close, volume, turnover)
    return [Bar(*row) for row in np.column_stack(columns).tolist()]


def _touch(high: NDArray[np.int64], low: NDArray[np.int64], top: int, bottom: int) -> None:
    """Gives the last day exactly its recorded extremes, in spite of rounding."""
    last_day = slice(-DAY_MINUTES, None)
    np.clip(high[last_day], bottom, top, out=high[last_day])
    np.clip(low[last_day], bottom, top, out=low[last_day])
    high[len(high) - DAY_MINUTES + int(np.argmax(high[last_day]))] = top
    low[len(low) - DAY_MINUTES + int(np.argmin(low[last_day]))] = bottom


def fundings(rng: np.random.Generator, now: Decimal | None = None) -> list[Decimal]:
    """Funding rates by Bybit's formula, oldest first.

    The premium wanders as measured. It is drawn backwards from the present.
    """
    base, clamp = P.INTEREST_PER_INTERVAL, P.FUNDING_CLAMP
    gap = float(now) - base if now is not None else 0.0
    # Inside the clamp every premium gives the same rate. The present one is then taken as 0.
    premium = gap + np.sign(gap) * clamp
    memory = P.PREMIUM_MEMORY
    shocks = rng.standard_normal(FUNDINGS) * P.PREMIUM_SD * np.sqrt(1 - memory**2)
    rates = []
    for shock in shocks.tolist():
        premium = memory * premium + shock
        rate = base + premium + min(max(-premium, -clamp), clamp)
        rates.append(Decimal(round(rate * 1e8)).scaleb(-8))
    return rates[::-1]


def pasts(
    seed: int,
    specs: Iterable[InstrumentSpec],
    days: Mapping[Key, DayStatistics],
    funding_rates: Mapping[Key, Decimal] | None = None,
    coins: Sequence[P.CoinParameters] = P.COINS,
) -> dict[Key, Past]:
    """The pasts of the instruments with a known day and market.

    `funding_rates` are those at the start.
    """
    generator = PastGenerator(seed, coins)
    markets = {(i.category, i.symbol): i for i in (*P.INSTRUMENTS, *P.BAR_INSTRUMENTS)}
    return {
        spec.key: generator.past(
            spec, markets[spec.key], days[spec.key], (funding_rates or {}).get(spec.key)
        )
        for spec in specs
        if spec.key in markets and spec.key in days
    }


def opening_days(
    events: Iterator[MarketEvent], specs: Sequence[InstrumentSpec]
) -> dict[Key, DayStatistics]:
    """The days of a market that tells no more than its first prices."""
    prices = first_prices(events, specs)
    return {spec.key: DayStatistics(spec.price(prices[spec.key])) for spec in specs}


def first_prices(events: Iterator[MarketEvent], specs: Iterable[InstrumentSpec]) -> dict[Key, int]:
    """Each instrument's first price in ticks, from its first trade or its first book's best bid."""
    missing = {spec.key for spec in specs}
    found: dict[Key, int] = {}
    while missing:
        event = next(events)
        key = (event.category, event.symbol)
        if key not in missing or isinstance(event, MarkUpdate):
            continue
        if isinstance(event, MarketTrade):
            found[key] = event.price
        elif isinstance(event, BookUpdate) and event.bids:
            found[key] = max(price for price, _ in event.bids)
        missing -= found.keys()
    return found
