"""Keeps a recorded pass in memory, so that only the first one has to be read from its files."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from paper_exchange.types import BookUpdate, MarketEvent, new_tuple

Level = tuple[int, int]
MAX_LEVELS = 2_000_000
"""The most levels that are kept, 24 MB. A longer recording is read anew for every pass."""


class KeptPass:
    """One pass over a recording, as often as it is needed."""

    def __init__(self, read: Callable[[], Iterator[MarketEvent]]) -> None:
        """`read` gives the events of a pass from the recording. They are the same every time."""
        self._read = read
        self._events: Sequence[MarketEvent] | None = None

    def __call__(self) -> Iterator[MarketEvent]:
        """The events of a pass."""
        return self._first() if self._events is None else iter(self._events)

    def _first(self) -> Iterator[MarketEvent]:
        store = _Store()
        for event in self._read():
            store.add(event)
            yield event
        self._events = store.events


class _Store:
    """Events whose levels lie in two arrays, in a sixth of the memory that tuples take."""

    def __init__(self) -> None:
        self.events: list[MarketEvent] | None = []
        """None after more levels than may be kept."""
        self._ticks = array("i")
        self._sizes = array("q")

    def add(self, event: MarketEvent) -> None:
        """Keeps an event."""
        if self.events is None:
            return
        if isinstance(event, BookUpdate):
            category, symbol, ts_ms, bids, asks, snapshot = event
            levels = self._packed(bids), self._packed(asks)
            event = new_tuple(BookUpdate, (category, symbol, ts_ms, *levels, snapshot))
        self.events.append(event)
        if len(self._ticks) > MAX_LEVELS:
            self.events = None

    def _packed(self, levels: Sequence[Level]) -> Sequence[Level]:
        if not levels:
            return ()
        start = len(self._ticks)
        ticks, sizes = zip(*levels, strict=True)
        self._ticks.extend(ticks)
        self._sizes.extend(sizes)
        return PackedLevels(self._ticks, self._sizes, start, len(self._ticks))


class PackedLevels(Sequence[Level]):
    """The levels of one side of a book update, out of arrays that many updates share."""

    __slots__ = ("_end", "_sizes", "_start", "_ticks")

    def __init__(self, ticks: "array[int]", sizes: "array[int]", start: int, end: int) -> None:
        self._ticks, self._sizes = ticks, sizes
        self._start, self._end = start, end

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[Level]:
        start, end = self._start, self._end
        return zip(self._ticks[start:end], self._sizes[start:end], strict=True)

    @overload
    def __getitem__(self, index: int) -> Level: ...
    @overload
    def __getitem__(self, index: slice) -> list[Level]: ...
    def __getitem__(self, index: int | slice) -> Level | list[Level]:
        return list(self)[index]
