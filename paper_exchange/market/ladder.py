"""An order book that its owner moves to given quotes.

Each side has a touch at an exact tick, and levels on an absolute grid behind it. A move therefore
deletes and adds few levels, as a real delta does. Takers trade only the displayed size. When a
taker exhausts a level, its deletion is published before the trade at the next level.
"""

from array import array
from collections.abc import Sequence

import numpy as np

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.parameters import InstrumentParameters
from paper_exchange.types import BookUpdate, MarketEvent, MarketTrade, Side

_NOISE = 4096  # pre-drawn log-normal sizes, reused in a cycle far longer than a book's memory
_MASK = _NOISE - 1


class _Side:
    """Displayed sizes by tick. `direction` is +1 for asks, -1 for bids: away from the touch."""

    __slots__ = ("changes", "direction", "first", "grid", "sizes", "touch")

    def __init__(self, direction: int, grid: int) -> None:
        self.direction = direction
        self.grid = grid
        self.touch = 0
        self.first = 0  # grid index of the first level behind the touch
        self.sizes: dict[int, int] = {}
        self.changes: dict[int, int] = {}

    def behind(self, touch: int) -> int:
        """Grid index of the first grid level strictly behind `touch`."""
        if self.direction > 0:
            return touch // self.grid + 1
        return -(-touch // self.grid) - 1

    def tick(self, level: int) -> int:
        return (self.first + self.direction * level) * self.grid

    def put(self, tick: int, size: int) -> None:
        self.sizes[tick] = size
        self.changes[tick] = size

    def drop(self, tick: int) -> None:
        if self.sizes.pop(tick, None) is not None:
            self.changes[tick] = 0


class Ladder:
    """The displayed book of one instrument; sizes in steps, prices in ticks."""

    def __init__(
        self, instrument: InstrumentParameters, price: float, rng: np.random.Generator
    ) -> None:
        self._category = instrument.category
        self._symbol = instrument.symbol
        self.steps_per_usd = 1.0 / (price * float(instrument.qty_step))
        slope = P.LEVEL_SIZE_GROWTH / P.GROWN_LEVELS
        near = instrument.level_usd * self.steps_per_usd
        # Arrays of doubles take a quarter of a list's memory; a server holds six ladders.
        self._level_steps = array(
            "d",
            [near * (1 + slope * min(k, P.GROWN_LEVELS)) for k in range(P.BOOK_LEVELS)],
        )
        self._fade = array("d", np.exp(-np.arange(P.BOOK_LEVELS) / P.PRESSURE_TILT_LEVELS))
        self._noise = array(
            "d",
            np.exp(P.LEVEL_SIZE_LOG_SD * rng.standard_normal(_NOISE) - P.LEVEL_SIZE_LOG_SD**2 / 2),
        )
        self._next_noise = 0
        self._bid = _Side(-1, instrument.grid_ticks)
        self._ask = _Side(+1, instrument.grid_ticks)

    @property
    def bid(self) -> int:
        """The best bid, in ticks."""
        return self._bid.touch

    @property
    def ask(self) -> int:
        """The best offer, in ticks."""
        return self._ask.touch

    def open(self, ts_ms: int, quotes: tuple[int, int], sizes: tuple[int, int]) -> BookUpdate:
        """Opens the book with a snapshot, which replaces any earlier book."""
        for side, touch, size in zip((self._bid, self._ask), quotes, sizes, strict=True):
            side.sizes.clear()
            side.changes.clear()
            side.touch, side.first = touch, side.behind(touch)
            side.put(touch, size)
            for k in range(P.BOOK_LEVELS):
                side.put(side.tick(k), self._level(k, 1.0))
        return self.publish(ts_ms, snapshot=True)

    def move(
        self,
        quotes: tuple[int, int],
        sizes: tuple[int, int],
        tilts: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        """Sets a new touch on both sides. Tilts multiply the sizes of new levels near the touch."""
        self._shift(self._bid, quotes[0], sizes[0], tilts[0])
        self._shift(self._ask, quotes[1], sizes[1], tilts[1])

    def refresh(self, depths: Sequence[int], tilts: tuple[float, float]) -> None:
        """Draws new sizes for some levels.

        The first half of `depths` is for the bid, the rest for the ask.
        """
        half = len(depths) // 2
        for side, own, tilt in (
            (self._bid, depths[:half], tilts[0]),
            (self._ask, depths[half:], tilts[1]),
        ):
            for k in own:
                side.put(side.tick(k), self._level(k, tilt))

    def take(self, ts_ms: int, buy: bool, size: int, out: list[MarketEvent]) -> None:
        """Appends a taker's trades, and the deletion of each level that it exhausts."""
        side = self._ask if buy else self._bid
        for k in range(-1, P.SWEEP_LEVELS - 1):
            tick = side.touch if k < 0 else side.tick(k)
            shown = side.sizes.get(tick, 0)
            if not shown:
                continue
            traded = min(size, shown)
            taker: Side = "Buy" if buy else "Sell"
            out.append(MarketTrade(self._category, self._symbol, ts_ms, tick, traded, taker))
            if traded < shown:
                # The next book publishes the smaller size. The level keeps its place.
                side.put(tick, shown - traded)
                return
            side.drop(tick)
            out.append(self.publish(ts_ms))
            size -= traded
            if not size:
                return

    def publish(self, ts_ms: int, *, snapshot: bool = False) -> BookUpdate:
        """The changes since the last publication."""
        bids, asks = list(self._bid.changes.items()), list(self._ask.changes.items())
        self._bid.changes, self._ask.changes = {}, {}
        if snapshot:
            bids.sort(reverse=True)
            asks.sort()
        return BookUpdate(self._category, self._symbol, ts_ms, bids, asks, snapshot)

    def _level(self, k: int, tilt: float) -> int:
        self._next_noise = n = (self._next_noise + 1) & _MASK
        size = self._level_steps[k] * self._noise[n] * (1 + (tilt - 1) * self._fade[k])
        return int(size) or 1

    def _shift(self, side: _Side, touch: int, size: int, tilt: float) -> None:
        """Moves one side to its new touch.

        Levels that it passes are dropped. Levels that it uncovers are added.
        """
        if touch != side.touch:
            self._slide(side, touch, tilt)
        if side.sizes.get(touch) != size:
            side.put(touch, size)
        if len(side.sizes) <= P.BOOK_LEVELS:
            self._refill(side, tilt)

    def _slide(self, side: _Side, touch: int, tilt: float) -> None:
        deep, direction = P.BOOK_LEVELS, side.direction
        old_touch, old_first = side.touch, side.first
        new_first = side.behind(touch)
        passed = (new_first - old_first) * direction
        stale = range(min(passed, deep)) if passed > 0 else range(max(0, deep + passed), deep)
        fresh = range(max(0, deep - passed), deep) if passed > 0 else range(min(-passed, deep))
        for k in stale:
            side.drop((old_first + direction * k) * side.grid)
        side.touch, side.first = touch, new_first
        for k in fresh:
            side.put(side.tick(k), self._level(k, tilt))
        level, off_grid = divmod(old_touch, side.grid)
        if off_grid or not 0 <= (level - new_first) * direction < deep:
            side.drop(old_touch)

    def _refill(self, side: _Side, tilt: float) -> None:
        """Puts back the levels that takers have used up."""
        for k in range(P.BOOK_LEVELS):
            tick = side.tick(k)
            if tick not in side.sizes:
                side.put(tick, self._level(k, tilt))
                if len(side.sizes) > P.BOOK_LEVELS:
                    return
