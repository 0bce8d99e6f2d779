"""Reads the levels of recorded depth messages as whole ticks and steps: in bulk, and exactly.

Reading millions of short texts one by one would take most of a replay's time.
"""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal

from paper_exchange.market.looping import whole_units

Levels = tuple[list[int], list[int]]
"""The ticks of levels, and the steps of the same levels."""

# The decimals that Binance writes today. Levels in another form are read one by one.
_PRICE_DECIMALS, _SIZE_DECIMALS = 2, 3
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_PRICE_END = b"." + b"0" * _PRICE_DECIMALS + b'","'
_SIZE_END = b"." + b"0" * _SIZE_DECIMALS + b'"]'


class LevelReader:
    """Reads the levels of one instrument. It refuses a value off the grid."""

    def __init__(self, tick_size: Decimal, qty_step: Decimal) -> None:
        self._tick = whole_units(tick_size)
        self._step = whole_units(qty_step)
        self._divisors = (
            _divisor(tick_size, _PRICE_DECIMALS),
            _divisor(qty_step, _SIZE_DECIMALS),
        )

    def levels(self, text: bytes) -> Levels:
        """Reads levels such as `["63889.60","36.365"],["63890.10","0.000"]`."""
        if not text:
            return [], []
        numbers = list(map(int, text.translate(None, b'"[].').split(b",")))
        prices, sizes = numbers[::2], numbers[1::2]
        shape = text.translate(_ANY_DIGIT)
        if shape.count(_PRICE_END) == len(prices) and shape.count(_SIZE_END) == len(sizes):
            ticks = _divided(prices, self._divisors[0])
            steps = _divided(sizes, self._divisors[1])
            if ticks is not None and steps is not None:
                return ticks, steps
        return self.each(json.loads(b"[" + text + b"]"))

    def each(self, levels: Iterable[Sequence[str]]) -> Levels:
        """Reads parsed levels with any number of decimals."""
        ticks, steps = [], []
        for price, size in levels:
            ticks.append(self._tick(price))
            steps.append(self._step(size))
        return ticks, steps


def _divisor(unit: Decimal, decimals: int) -> int:
    """A tick or step in units of the last decimal; 0 where it isn't a whole number of them."""
    scaled = unit.scaleb(decimals)
    return int(scaled) if scaled == int(scaled) else 0


def _divided(numbers: list[int], divisor: int) -> list[int] | None:
    """The numbers in units of the divisor; None where that leaves a remainder."""
    if divisor == 1:
        return numbers
    if not divisor:
        return None
    units = [number // divisor for number in numbers]
    return units if sum(units) * divisor == sum(numbers) else None
