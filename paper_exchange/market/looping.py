"""Shared by all recordings: endless time from a finite file, and exact whole ticks and steps."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache

from paper_exchange.types import MarketEvent, new_tuple

_POWERS_OF_TEN: tuple[int, ...] = tuple(10**n for n in range(64))
PAUSE_MS = 100  # between the last event of a pass and the first of the next


def endless(one_pass: Callable[[], Iterator[MarketEvent]]) -> Iterator[MarketEvent]:
    """Repeats a pass without end.

    `one_pass` gives events from about 0 ms on. Each instrument begins with a snapshot.
    """
    base = 0
    while True:
        last: MarketEvent | None = None
        for event in one_pass():
            last = shifted(event, base) if base else event
            yield last
        if last is None:
            raise ValueError("the recording holds no market events")
        base = last.ts_ms + PAUSE_MS


def shifted(event: MarketEvent, by_ms: int) -> MarketEvent:
    """The same event later.

    It is written out for all kinds of events, because `_replace` is several times slower.
    """
    category, symbol, ts_ms, *rest = event
    return new_tuple(type(event), (category, symbol, ts_ms + by_ms, *rest))


@lru_cache(maxsize=64)
def whole_units(unit: Decimal) -> Callable[[str], int]:
    """A parser from recorded text to a whole number of ticks or steps.

    It refuses a value off the grid. It uses integers throughout, which are exact and several times
    faster than Decimal on millions of levels.
    """
    numerator, denominator = unit.as_integer_ratio()

    @lru_cache(maxsize=1 << 16)  # most prices and sizes of a recording come again
    def parse(text: str) -> int:
        whole, _, fraction = text.partition(".")
        scaled = int(whole + fraction) * denominator
        units, rest = divmod(scaled, numerator * _POWERS_OF_TEN[len(fraction)])
        if rest:
            raise ValueError(f"{text} is not a multiple of {unit}")
        return units

    return parse
