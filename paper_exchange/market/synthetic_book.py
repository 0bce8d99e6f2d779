"""Turns one coin's efficient price into the quotes, sizes and trades of one instrument."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.level_sizes import Floats, Ints, LevelSizes
from paper_exchange.market.parameters import InstrumentParameters
from paper_exchange.market.side_plan import Moves, PlannedSide, SidePlan
from paper_exchange.market.sweep import Sweep
from paper_exchange.market.synthetic_path import PathBlock, autoregress
from paper_exchange.types import BookUpdate, MarketEvent, MarketTrade, Side, new_tuple

# Quotes follow once the price is more than this many half ticks off their middle. With a smaller
# bound they would flicker when the price sits on a tick.
_STICKY_HALF_TICKS = 1.7
_MEAN_ABSOLUTE_SURPRISE = 0.68  # of Student-t with 4 degrees of freedom and unit variance
_SIDES: tuple[Side, Side] = ("Sell", "Buy")
"""A taker's side, by whether it buys."""
_trade = partial(new_tuple, MarketTrade)
_book = partial(new_tuple, BookUpdate)


@dataclass(frozen=True, slots=True)
class _Takers:
    """The takers of a block in time order. Each trades at the touch unless it is swept."""

    steps: Ints
    """The step of each taker."""
    times: Ints
    """Milliseconds after the block's start."""
    touches: Ints
    """The touch that each taker meets at the start of its step, in ticks."""
    buys: Ints
    """1 where the taker buys, else 0."""
    sizes: Ints
    bounds: Ints
    """Step j has the takers from bounds[j] to bounds[j + 1]."""


@dataclass(frozen=True, slots=True)
class BookDraw:
    """All that is random for one instrument in a block of steps. Column 0 is the bid, 1 the ask."""

    quotes: Ints
    """The touch before each step, with one more row for the end: (steps + 1, 2), in ticks."""
    shown: Ints
    """The size at that touch: (steps + 1, 2)."""
    tilts: Floats
    refreshed: Ints
    """The numbers of the levels with a new size: of bids, then as many of asks."""
    takers: _Takers
    left: Ints
    """What takers leave of each touch at each update: (steps, updates, 2)."""


@dataclass(frozen=True, slots=True)
class BookBlock:
    """A block that can be played."""

    drawn: BookDraw
    plans: tuple[SidePlan, SidePlan]
    swept: list[int]
    """The steps in which takers use up a touch, in order. They are rare."""


class BookMaker:
    """Produces the events of one instrument, block by block. Deterministic by its generator.

    `draw` and `plan` make a block, and may do so before the last one has been played. Each takes
    about a millisecond. `begin` starts the block, and `play` gives the events of some of its steps.
    """

    def __init__(
        self,
        instrument: InstrumentParameters,
        coin: int,
        phase_ms: int,
        rng: np.random.Generator,
        updates: int = 1,
    ) -> None:
        """`updates` is how many books of a step are published, the last one at `phase_ms`.

        The refreshed levels of a step are spread over them. The touch moves with the last one.
        """
        self._coin = coin
        self._phase_ms = phase_ms
        self._times = [phase_ms * number // updates for number in range(1, updates + 1)]
        """Milliseconds after a step's start at which its books are published."""
        self._rng = rng
        self._category, self._symbol = instrument.category, instrument.symbol
        self._spot = instrument.category == "spot"
        self._tick = float(instrument.tick_size)
        price = P.COINS[coin].price
        per_usd = 1.0 / (price * float(instrument.qty_step))
        sizes = LevelSizes(instrument, per_usd, rng)
        self._sides = (
            PlannedSide(-1, instrument.grid_ticks, sizes),
            PlannedSide(+1, instrument.grid_ticks, sizes),
        )
        self._touch_steps = instrument.touch_usd * per_usd
        self._trades_per_step = instrument.trades_per_second * P.STEP_MS / 1000
        trades_per_day = 86_400 * instrument.trades_per_second
        self._mean_trade_steps = instrument.daily_volume_usd / trades_per_day * per_usd
        self._touch_noise = np.zeros(2)
        self._mid = price / self._tick
        self._spread = 1
        self._last: tuple[int, int] | None = None
        """The quotes of the last drawn step; None before the first one."""
        self._last_shown: Ints | None = None
        """The sizes at these quotes."""

    def draw(self, path: PathBlock) -> BookDraw:
        """Draws the coming block: quotes, sizes, refreshed levels and takers of all its steps."""
        rng, steps = self._rng, P.STEPS_PER_BLOCK
        quotes = self._draw_quotes(path)
        pressure = path.pressure[:, self._coin]
        tilt = np.exp(P.PRESSURE_TILT * np.clip(pressure, -4, 4))
        tilts = np.column_stack([tilt, 1 / tilt])
        shown = self._draw_touch_sizes(tilts)
        depths = rng.geometric(1 / P.REFRESH_DEPTH, (steps, 2 * P.REFRESHED_LEVELS))
        refreshed = np.minimum(depths - 1, P.BOOK_LEVELS - 1)
        takers = self._draw_takers(path, pressure, quotes)
        return BookDraw(quotes, shown, tilts, refreshed, takers, self._left(shown, takers))

    def plan(self, drawn: BookDraw) -> BookBlock:
        """Plans the books of a draw. Each draw is planned once, in order."""
        bids, asks = (
            side.plan(self._moves(column, drawn)) for column, side in enumerate(self._sides)
        )
        swept = np.flatnonzero((drawn.left[:, -1] <= 0).any(axis=1)).tolist()
        return BookBlock(drawn, (bids, asks), swept)

    def begin(self, block: BookBlock) -> None:
        """Starts a block after all steps of the last one."""
        for side, plan in zip(self._sides, block.plans, strict=True):
            side.begin(plan)

    def opening(self, block: BookBlock) -> BookUpdate:
        """The book before the first step; call it before `begin`."""
        quotes, shown = block.drawn.quotes[0].tolist(), block.drawn.shown[0].tolist()
        bids, asks = (
            side.open(touch, size)
            for side, touch, size in zip(self._sides, quotes, shown, strict=True)
        )
        return BookUpdate(self._category, self._symbol, 0, bids, asks, snapshot=True)

    def play(self, block: BookBlock, first: int, end: int, start_ms: int) -> list[MarketEvent]:
        """The events of the steps from `first` to the one before `end`.

        Each kind of event comes in time order. The block starts at `start_ms`.
        """
        out: list[MarketEvent] = []
        for step in block.swept:
            if first <= step < end:
                self._play_planned(block, first, step, start_ms, out)
                self._play_swept(block, step, start_ms, out)
                first = step + 1
        self._play_planned(block, first, end, start_ms, out)
        return out

    def _play_planned(
        self, block: BookBlock, first: int, end: int, start_ms: int, out: list[MarketEvent]
    ) -> None:
        """Appends the events of steps whose takers leave something at the touch.

        Most of the market goes through here, so that it makes events with few calls for each.
        """
        if first == end:
            return
        category, symbol = repeat(self._category), repeat(self._symbol)
        takers = block.drawn.takers
        some = slice(takers.bounds[first], takers.bounds[end])
        times = (takers.times[some] + start_ms).tolist()
        ticks, sizes = takers.touches[some].tolist(), takers.sizes[some].tolist()
        sides = map(_SIDES.__getitem__, takers.buys[some].tolist())
        out += map(_trade, zip(category, symbol, times, ticks, sizes, sides, strict=False))
        updates = len(self._times)
        bids, asks = (plan.updates(first * updates, end * updates) for plan in block.plans)
        starts = range(start_ms + first * P.STEP_MS, start_ms + end * P.STEP_MS, P.STEP_MS)
        books_at = [start + at for start in starts for at in self._times]
        out += map(_book, zip(category, symbol, books_at, bids, asks, repeat(False), strict=False))

    def _play_swept(
        self, block: BookBlock, step: int, start_ms: int, out: list[MarketEvent]
    ) -> None:
        """Appends the events of a step in which takers use up a touch."""
        key = (self._category, self._symbol)
        updates = len(self._times)
        now = start_ms + step * P.STEP_MS
        drawn = block.drawn
        quotes, shown = drawn.quotes[step].tolist(), drawn.shown[step].tolist()
        sweeps: list[Sweep] = []
        for side, touch, size in zip(self._sides, quotes, shown, strict=True):
            side.catch_up(step * updates)
            sweeps.append(Sweep(side, touch, size))
            side.catch_up((step + 1) * updates)
        bid, ask = sweeps
        planned = [plan.updates(step * updates, (step + 1) * updates) for plan in block.plans]
        takers = block.drawn.takers
        some = slice(takers.bounds[step], takers.bounds[step + 1])
        times, buys = (takers.times[some] + start_ms).tolist(), takers.buys[some].tolist()
        waiting = list(zip(times, buys, takers.sizes[some].tolist(), strict=True))[::-1]
        for number, (at, bids, asks) in enumerate(zip(self._times, *planned, strict=True), 1):
            while waiting and waiting[-1][0] <= now + at:
                ts_ms, buy, size = waiting.pop()
                for tick, traded, ended in sweeps[buy].take(size):
                    out.append(MarketTrade(*key, ts_ms, tick, traded, _SIDES[buy]))
                    if ended:
                        out.append(BookUpdate(*key, ts_ms, bid.changes(), ask.changes()))
            if number < updates:
                out.append(BookUpdate(*key, now + at, bid.refresh(bids), ask.refresh(asks)))
        (bid_touch, ask_touch), tilts = drawn.quotes[step + 1].tolist(), drawn.tilts[step].tolist()
        bids = bid.end(planned[0][-1], bid_touch, tilts[0])
        asks = ask.end(planned[1][-1], ask_touch, tilts[1])
        out.append(BookUpdate(*key, now + self._phase_ms, bids, asks))

    def _moves(self, column: int, drawn: BookDraw) -> Moves:
        """One side's moves. The last update of a step moves the touch, an earlier one keeps it."""
        quotes, shown, left = drawn.quotes, drawn.shown, drawn.left
        updates = len(self._times)
        before = np.repeat(quotes[:-1, column], updates)
        touch = before.copy()
        touch[updates - 1 :: updates] = quotes[1:, column]
        rest = left[:, :, column]
        # An early update shows what takers have left of the touch, and names it if they took any.
        sizes = rest.copy()
        sizes[:, -1] = shown[1:, column]
        changed = np.column_stack([shown[:-1, column], rest[:, :-1]]) != sizes
        changed[:, -1] = (sizes[:, -1] != rest[:, -1]) | (quotes[1:, column] != quotes[:-1, column])
        half = slice(column * P.REFRESHED_LEVELS, (column + 1) * P.REFRESHED_LEVELS)
        levels = np.repeat(drawn.refreshed[:, half], updates, axis=0)
        turns = np.arange(P.REFRESHED_LEVELS) % updates == np.arange(updates)[:, None]
        return Moves(
            before,
            touch,
            sizes.ravel(),
            changed.ravel(),
            levels,
            np.tile(turns, (P.STEPS_PER_BLOCK, 1)),
            np.repeat(drawn.tilts[:, column], updates),
        )

    def _left(self, shown: Ints, takers: _Takers) -> Ints:
        """What takers leave of each touch at each update: (steps, updates, sides).

        It isn't positive where they want all of it or more.
        """
        steps, updates = P.STEPS_PER_BLOCK, len(self._times)
        update = np.searchsorted(self._times[:-1], takers.times - takers.steps * P.STEP_MS)
        place = (takers.steps * updates + update) * 2 + takers.buys
        taken = np.bincount(place, weights=takers.sizes, minlength=steps * updates * 2)
        total = taken.astype(np.int64).reshape(steps, updates, 2).cumsum(axis=1)
        return np.asarray(shown[:-1, None, :] - total)

    def _draw_quotes(self, path: PathBlock) -> Ints:
        rng, steps = self._rng, P.STEPS_PER_BLOCK
        log_price = path.log_price[:, self._coin]
        if self._spot:
            log_price = log_price - path.basis[:, self._coin]
        moves = rng.random(steps) < P.QUOTE_MOVE_PROBABILITY
        latest = np.maximum.accumulate(np.where(moves, np.arange(steps), -1))
        mids = np.where(latest >= 0, (np.exp(log_price) / self._tick)[latest], self._mid)
        wide = 1 + (rng.random(steps) < P.WIDE_SPREAD_PROBABILITY * path.sigma)
        wide += rng.poisson(np.minimum(P.WIDE_SPREAD_PROBABILITY * path.sigma, 1.0) * (wide - 1))
        spreads = np.where(latest >= 0, wide[latest], self._spread)
        self._mid, self._spread = float(mids[-1]), int(spreads[-1])
        bids = np.rint(mids - spreads / 2).astype(np.int64)
        # Quotes that fit a price fit it until it changes, which it does in few steps.
        changes = np.ones(steps, bool)
        changes[1:] = (mids[1:] != mids[:-1]) | (spreads[1:] != spreads[:-1])
        fair = zip(*(a[changes].tolist() for a in (mids, spreads, bids)), strict=True)
        return np.asarray(np.array(self._requoted(fair))[np.append(0, np.cumsum(changes))])

    def _requoted(self, fair: Iterable[tuple[float, int, int]]) -> list[tuple[int, int]]:
        """The quotes before, and those after each price: its mid, spread and bid.

        Quotes move to a price that is far enough from them. They open at the first price.
        """
        quotes = [] if self._last is None else [self._last]
        for mid, spread, fair_bid in fair:
            if not quotes:
                opening = round(mid - 0.5)
                quotes.append((opening, opening + 1))
            bid, ask = quotes[-1]
            if ask - bid != spread or abs(2 * mid - bid - ask) > _STICKY_HALF_TICKS:
                bid, ask = fair_bid, fair_bid + spread
            quotes.append((bid, ask))
        self._last = quotes[-1]
        return quotes

    def _draw_touch_sizes(self, tilts: Floats) -> Ints:
        decay = float(np.exp(-P.STEP_MS / 1000 / P.TOUCH_NOISE_SECONDS))
        shocks = self._rng.standard_normal((P.STEPS_PER_BLOCK, 2))
        shocks *= P.TOUCH_NOISE_LOG_SD * np.sqrt(1 - decay**2)
        noise = autoregress(self._touch_noise, shocks, decay)
        self._touch_noise = noise[-1]
        sizes = np.maximum(1, np.exp(noise) * tilts * self._touch_steps).astype(np.int64)
        before = sizes[0] if self._last_shown is None else self._last_shown
        self._last_shown = sizes[-1]
        return np.vstack([before, sizes])

    def _draw_takers(self, path: PathBlock, pressure: Floats, quotes: Ints) -> _Takers:
        rng = self._rng
        surprise = path.surprise[:, self._coin]
        link = P.TRADE_VOLATILITY_LINK * np.minimum(np.abs(surprise), 5.0)
        busy = (1 + link) / (1 + _MEAN_ABSOLUTE_SURPRISE * P.TRADE_VOLATILITY_LINK)
        counts = np.minimum(rng.poisson(self._trades_per_step * path.activity * busy), 30)
        owner = np.repeat(np.arange(P.STEPS_PER_BLOCK), counts)
        odds = P.PRESSURE_TAKER * pressure + P.IMPACT_TAKER * np.clip(surprise, -3, 3)
        buys = (rng.random(len(owner)) < 1 / (1 + np.exp(-odds[owner]))).astype(np.int64)
        sizes = heavy_tailed(rng, len(owner)) * self._mean_trade_steps
        steps = np.maximum(1, np.rint(sizes)).astype(np.int64)
        offsets = rng.integers(0, self._phase_ms, len(owner))
        times = np.sort(owner * P.STEP_MS + offsets)
        bounds = np.zeros(P.STEPS_PER_BLOCK + 1, np.int64)
        np.cumsum(counts, out=bounds[1:])
        return _Takers(owner, times, quotes[owner, buys], buys, steps, bounds)


def heavy_tailed(rng: np.random.Generator, count: int) -> Floats:
    """Trade sizes of mean 1: Lomax with the table's tail, cut at the table's cap."""
    tail, cap = P.TRADE_SIZE_TAIL, P.TRADE_SIZE_CAP
    scale = tail - 1
    # E[min(X, cap)] of a Lomax(tail, scale) is scale / (tail - 1) times the following.
    mean = 1 - (1 + cap / scale) ** (1 - tail)
    return np.asarray(np.minimum(rng.pareto(tail, count) * scale, cap) / mean)
