"""One side of a planned book in a step whose takers may use up more than the touch."""

from collections.abc import Iterator, Sequence

from paper_exchange.market import parameters as P  # noqa: N812 - a table of named figures
from paper_exchange.market.side_plan import Level, PlannedSide

Taken = tuple[int, int, bool]
"""The tick and size of a trade, and whether it ends the level."""


class Sweep:
    """The side's first levels during the step, and the changes that are not published yet.

    Takers trade only the displayed size. A level's end is published before the trade at the next.
    """

    def __init__(self, side: PlannedSide, touch: int, shown: int) -> None:
        """`touch` and `shown` are the touch before the step and its size. Memory has caught up."""
        self._side = side
        self._touch = touch
        self._sizes = dict([(touch, shown), *side.near(touch, P.SWEEP_LEVELS - 1)])
        """The sizes of the touch and the levels that a taker reaches, best first."""
        self._changes: dict[int, int] = {}

    def take(self, size: int) -> Iterator[Taken]:
        """A taker's trades. Publish `changes` after each one that ends a level."""
        for tick, shown in list(self._sizes.items()):
            if not shown:
                continue
            traded = min(size, shown)
            self._sizes[tick] = self._changes[tick] = shown - traded
            size -= traded
            yield tick, traded, traded == shown
            if not size:
                return

    def changes(self) -> list[Level]:
        """The changes since the last publication."""
        published, self._changes = self._changes, {}
        return list(published.items())

    def refresh(self, planned: Sequence[Level]) -> list[Level]:
        """The changes for an update within the step, with its planned levels."""
        for tick, size in planned:
            # The plan doesn't know how much takers have left at the touch.
            if tick == self._touch:
                continue
            self._changes[tick] = size
            if tick in self._sizes:
                self._sizes[tick] = size
        return self.changes()

    def end(self, planned: Sequence[Level], touch: int, tilt: float) -> list[Level]:
        """The changes for the step's last update, which moves the touch.

        Levels that takers have used up are put back. Call it once memory has caught up with this
        update.
        """
        moved = dict(planned)
        rest = {tick: size for tick, size in self._sizes.items() if tick not in moved}
        for tick, size in rest.items():
            new = None if size else self._side.refill(tick, touch, tilt)
            if new is not None:
                rest[tick] = self._changes[tick] = new
        self._side.remember(rest.items())
        for tick, size in planned:
            # A level that takers have used up is gone already.
            if size or self._sizes.get(tick, 1):
                self._changes[tick] = size
        return self.changes()
