"""An order book that its owner moves to given quotes, one update after the other.

Each side has a touch at an exact tick, and levels on an absolute grid behind it. A move therefore
deletes and adds few levels, as a real delta does. Takers trade only the displayed size. When a
taker exhausts a level, its deletion is published before the trade at the next level.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.level_sizes import NOISE_MASK, fades, medians, noises
from paper_exchange.market.parameters import InstrumentParameters
from paper_exchange.types import BookUpdate, MarketEvent, MarketTrade, Side


class _Side:
    """Displayed sizes by tick. `stride` is from a level to the next one behind it, in ticks."""

    __slots__ = ("changes", "direction", "first", "grid", "origin", "sizes", "stride", "touch")

    def __init__(self, direction: int, grid: int) -> None:
        """`direction` is +1 for asks, -1 for bids: away from the touch."""
        self.direction = direction
        self.grid = grid
        self.stride = direction * grid
        self.touch = 0
        self.first = 0  # grid index of the first level behind the touch
        self.origin = 0  # its tick
        self.sizes: dict[int, int] = {}
        self.changes: dict[int, int] = {}

    def place(self, touch: int) -> int:
        """Moves the touch; returns by how many levels the first level behind it moves back."""
        self.touch, old = touch, self.first
        grid = self.grid
        self.first = touch // grid + 1 if self.direction > 0 else -(-touch // grid) - 1
        self.origin = self.first * grid
        return (self.first - old) * self.direction

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
        # Arrays of doubles take a quarter of a list's memory, and give an item faster than numpy's.
        self._level_steps = array("d", medians(instrument, self.steps_per_usd))
        self._fade = array("d", fades())
        self._noise = array("d", noises(rng))
        self._next_noise = 0
        self._bid = _Side(-1, instrument.grid_ticks)
        self._ask = _Side(+1, instrument.grid_ticks)

    @property
    def quotes(self) -> tuple[int, int]:
        """The best bid and the best offer, in ticks."""
        return self._bid.touch, self._ask.touch

    def open(self, ts_ms: int, quotes: tuple[int, int], sizes: tuple[int, int]) -> BookUpdate:
        """Opens the book with a snapshot, which replaces any earlier book."""
        for side, touch, size in zip((self._bid, self._ask), quotes, sizes, strict=True):
            side.sizes.clear()
            side.changes.clear()
            side.place(touch)
            side.put(touch, size)
            self._draw(side, range(P.BOOK_LEVELS), 1.0)
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
        self._draw(self._bid, depths[:half], tilts[0])
        self._draw(self._ask, depths[half:], tilts[1])

    def take(self, ts_ms: int, buy: bool, size: int, out: list[MarketEvent]) -> None:
        """Appends a taker's trades, and the deletion of each level that it exhausts."""
        side = self._ask if buy else self._bid
        for k in range(-1, P.SWEEP_LEVELS - 1):
            tick = side.touch if k < 0 else side.origin + side.stride * k
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
        bid, ask = self._bid, self._ask
        bids, asks = list(bid.changes.items()), list(ask.changes.items())
        bid.changes, ask.changes = {}, {}
        if snapshot:
            bids.sort(reverse=True)
            asks.sort()
        return BookUpdate(self._category, self._symbol, ts_ms, bids, asks, snapshot)

    def _draw(self, side: _Side, levels: Iterable[int], tilt: float) -> None:
        """Draws new sizes for some levels. It is written out, because most of the time goes here.

        A level's number counts from the first one behind the touch.
        """
        noise, n, steps, fade = self._noise, self._next_noise, self._level_steps, self._fade
        sizes, changes, origin, stride = side.sizes, side.changes, side.origin, side.stride
        lift = tilt - 1
        for k in levels:
            n = (n + 1) & NOISE_MASK
            tick = origin + stride * k
            sizes[tick] = changes[tick] = int(steps[k] * noise[n] * (1 + lift * fade[k])) or 1
        self._next_noise = n

    def _shift(self, side: _Side, touch: int, size: int, tilt: float) -> None:
        """Moves one side to its new touch.

        Levels that it passes are dropped. Levels that it uncovers are added.
        """
        sizes = side.sizes
        if touch != side.touch:
            self._slide(side, touch, tilt)
        if sizes.get(touch) != size:
            sizes[touch] = side.changes[touch] = size
        if len(sizes) <= P.BOOK_LEVELS:
            self._refill(side, tilt)

    def _slide(self, side: _Side, touch: int, tilt: float) -> None:
        deep = P.BOOK_LEVELS
        old_touch, old_origin, stride = side.touch, side.origin, side.stride
        passed = side.place(touch)
        if passed:
            stale = range(min(passed, deep)) if passed > 0 else range(max(0, deep + passed), deep)
            fresh = range(max(0, deep - passed), deep) if passed > 0 else range(min(-passed, deep))
            for k in stale:
                side.drop(old_origin + stride * k)
            self._draw(side, fresh, tilt)
        level, off_grid = divmod(old_touch - side.origin, stride)
        if off_grid or not 0 <= level < deep:
            side.drop(old_touch)

    def _refill(self, side: _Side, tilt: float) -> None:
        """Puts back the levels that takers have used up."""
        missing = P.BOOK_LEVELS + 1 - len(side.sizes)
        ticks = range(side.origin, side.origin + side.stride * P.BOOK_LEVELS, side.stride)
        used_up = (k for k, tick in enumerate(ticks) if tick not in side.sizes)
        self._draw(side, list(islice(used_up, missing)), tilt)
