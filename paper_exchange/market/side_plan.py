"""Plans how one side of a book changes while its touch moves along given ticks.

A side has a touch at an exact tick, and levels on an absolute grid behind it. A move therefore
deletes and adds few levels, as a real delta does. All updates of a minute are planned at once in
arrays, because a loop over levels would take most of the synthetic market's time. The plan knows of
takers only what they leave at the touch. `sweep.py` corrects it where they take more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.level_sizes import NOISE, Floats, Ints, LevelSizes

Level = tuple[int, int]
"""A tick, and the size displayed there in steps; 0 is a deletion."""
Flags = NDArray[np.bool_]

_DEEP = P.BOOK_LEVELS
_RING = 1024  # a power of two with room for all levels and the touch
_RING_MASK = _RING - 1


@dataclass(frozen=True, slots=True)
class Moves:
    """What a plan follows. Each array has a row for every update."""

    before: Ints
    """The touch before the update, in ticks."""
    touch: Ints
    """The touch from the update on, in ticks."""
    shown: Ints
    """The size displayed at the touch from the update on, in steps."""
    changed: Flags
    """Whether the update publishes that size."""
    refreshed: Ints
    """The numbers of the levels with a new size, one column each. The first level is 0."""
    chosen: Flags
    """The refreshed levels that belong to the update, of the same shape."""
    tilts: Floats
    """The factors on new sizes near the touch."""


@dataclass(frozen=True, slots=True)
class SidePlan:
    """The changed levels of consecutive updates. No update names a level twice."""

    ticks: Ints
    sizes: Ints
    bounds: Ints
    """Update r has the levels from bounds[r] to bounds[r + 1]."""

    def updates(self, first: int, end: int) -> list[list[Level]]:
        """The changed levels of each update from `first` to the one before `end`."""
        bounds = self.bounds[first : end + 1]
        start, stop = int(bounds[0]), int(bounds[-1])
        ticks, sizes = self.ticks[start:stop].tolist(), self.sizes[start:stop].tolist()
        levels = list(zip(ticks, sizes, strict=True))
        return [levels[a:b] for a, b in pairwise((bounds - start).tolist())]


class PlannedSide:
    """One side of a book that follows plans.

    It remembers the size at each level for sweeps only, and catches up with the plan for them.
    """

    def __init__(self, direction: int, grid: int, sizes: LevelSizes) -> None:
        """`direction` is +1 for asks, -1 for bids: away from the touch. `grid` is in ticks."""
        self._direction = direction
        self._grid = grid
        self._sizes = sizes
        # Both sides share a table of noise and begin at opposite ends of it.
        self._fresh = self._refreshed = self._refilled = 0 if direction < 0 else NOISE // 2
        self._ring = np.zeros(_RING, np.int64)
        """The sizes at the levels, by grid index modulo the ring's length."""
        self._plan: SidePlan | None = None
        self._caught_up = 0
        """The updates of the present plan that are in the ring."""

    def open(self, touch: int, size: int) -> list[Level]:
        """All levels at the start, best first."""
        levels = np.arange(_DEEP)
        ticks = self._tick(self._first(np.array([touch])), levels)
        sizes = self._sizes.drawn(levels, levels + self._fresh, 1.0)
        self._put(ticks, sizes)
        return [(touch, size), *zip(ticks.tolist(), sizes.tolist(), strict=True)]

    def plan(self, moves: Moves) -> SidePlan:
        """Plans updates that follow those of the last plan."""
        rows = len(moves.touch)
        first, old = self._first(moves.touch), self._first(moves.before)
        back = (first - old) * self._direction  # the levels by which the first one moves back
        parts = [
            *self._slide(moves, first, old, back),
            self._touched(moves),
            self._refresh(moves, first, back),
        ]
        owners = np.concatenate([owner for owner, _, _ in parts]).astype(np.int16)
        order = np.argsort(owners, kind="stable")
        bounds = np.zeros(rows + 1, np.int64)
        np.cumsum(np.bincount(owners, minlength=rows), out=bounds[1:])
        return SidePlan(
            np.concatenate([ticks for _, ticks, _ in parts])[order],
            np.concatenate([sizes for _, _, sizes in parts])[order],
            bounds,
        )

    def begin(self, plan: SidePlan) -> None:
        """Goes on with a new plan after the last one has been played."""
        if self._plan is not None:
            self.catch_up(len(self._plan.bounds) - 1)
        self._plan, self._caught_up = plan, 0

    def catch_up(self, update: int) -> None:
        """Takes the sizes of the present plan's updates before `update` into memory."""
        plan = self._plan
        if plan is None:
            return
        start, end = plan.bounds[self._caught_up], plan.bounds[update]
        self._put(plan.ticks[start:end], plan.sizes[start:end])
        self._caught_up = update

    def near(self, touch: int, count: int) -> list[Level]:
        """The first levels behind the touch, as far as memory has caught up."""
        first = self._first(np.array([touch]))
        levels = np.arange(count)
        ticks = self._tick(first, levels)
        sizes = self._ring[ticks // self._grid & _RING_MASK]
        return list(zip(ticks.tolist(), sizes.tolist(), strict=True))

    def remember(self, levels: Iterable[Level]) -> None:
        """Takes sizes into memory that no plan knows."""
        for tick, size in levels:
            self._put(np.array([tick]), np.array([size]))

    def refill(self, tick: int, touch: int, tilt: float) -> int | None:
        """A new size for a tick where takers have used up the level; None: no level is there."""
        index, off_grid = divmod(tick, self._grid)
        level = (np.array([index]) - self._first(np.array([touch]))) * self._direction
        if off_grid or not 0 <= level[0] < _DEEP:
            return None
        self._refilled += 1
        return int(self._sizes.drawn(level, np.array([self._refilled]), tilt)[0])

    def _first(self, touch: Ints) -> Ints:
        """The grid index of the first level behind each touch."""
        if self._direction > 0:
            return np.asarray(touch // self._grid + 1)
        return np.asarray(-(-touch // self._grid) - 1)

    def _tick(self, first: Ints, levels: Ints) -> Ints:
        return np.asarray((first + self._direction * levels) * self._grid)

    def _put(self, ticks: Ints, sizes: Ints) -> None:
        # The last one of several sizes of a level stays. A touch beside the grid is no level.
        index, rest = np.divmod(ticks, self._grid)
        on_grid = rest == 0
        self._ring[index[on_grid] & _RING_MASK] = sizes[on_grid]

    def _slide(self, moves: Moves, first: Ints, old: Ints, back: Ints) -> "list[_Part]":
        """The levels that a moving touch passes or uncovers, and the touch that it leaves."""
        rows = np.flatnonzero(moves.touch != moves.before)
        first, old, back = first[rows], old[rows], back[rows]
        before = moves.before[rows]
        count = np.minimum(np.abs(back), _DEEP)
        away = back > 0
        # A touch that moves back onto the grid takes the place of the last level that it passes.
        replaced = away & (back <= _DEEP) & (moves.touch[rows] % self._grid == 0)
        which, levels = _runs(np.where(away, 0, _DEEP - count), count - replaced)
        stale = rows[which], self._tick(old[which], levels), np.zeros(len(which), np.int64)
        # A touch that moves towards the other side leaves a level behind if it was on the grid.
        left = ~(~away & (back != 0) & (back >= -_DEEP) & (before % self._grid == 0))
        ended = rows[left], before[left], np.zeros(np.count_nonzero(left), np.int64)
        which, levels = _runs(np.where(away, _DEEP - count, 0), count)
        draws = np.arange(self._fresh, self._fresh + len(which))
        self._fresh += len(which)
        sizes = self._sizes.drawn(levels, draws, moves.tilts[rows[which]])
        return [stale, ended, (rows[which], self._tick(first[which], levels), sizes)]

    @staticmethod
    def _touched(moves: Moves) -> "_Part":
        rows = np.flatnonzero(moves.changed)
        return rows, moves.touch[rows], moves.shown[rows]

    def _refresh(self, moves: Moves, first: Ints, back: Ints) -> "_Part":
        """New sizes of the refreshed levels, but not of one that the move has just drawn."""
        levels, chosen = moves.refreshed, moves.chosen.copy()
        for column in range(1, levels.shape[1]):
            again = levels[:, :column] == levels[:, column, None]
            chosen[:, column] &= ~(again & chosen[:, :column]).any(axis=1)
        chosen &= (levels >= -back[:, None]) & (levels < _DEEP - back[:, None])
        draws = np.arange(self._refreshed, self._refreshed + levels.size).reshape(levels.shape)
        self._refreshed += levels.size
        rows = np.nonzero(chosen)[0]
        picked = levels[chosen]
        sizes = self._sizes.drawn(picked, draws[chosen], moves.tilts[rows])
        return rows, self._tick(first[rows], picked), sizes


_Part = tuple[Ints, Ints, Ints]
"""Of some changed levels: their updates, ticks and sizes."""


def _runs(starts: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Counts up from each start. Gives for each number the place of its start, and the number."""
    which = np.repeat(np.arange(len(counts)), counts)
    offsets = starts - (np.cumsum(counts) - counts)
    return which, np.arange(len(which)) + offsets[which]
