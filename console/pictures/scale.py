"""A scale from numbers to places in a picture, for any finite numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, Context, Decimal

from models.amounts import shortest

Number = Decimal | float | int
_WIDE = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Neither the sum of the largest floats nor the difference of the smallest leaves it."""
_THREE = Context(prec=3, Emax=MAX_EMAX, Emin=MIN_EMIN)
_STEPS = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
_ROOM = Decimal("0.04")
"""The share of the span that is left free at both ends."""
_LONGEST = 12
"""A tick with more characters is written with an exponent."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers from `low` to `high` on places from `begin` to `end`; what lies outside stops at the
    edge."""

    low: Decimal
    high: Decimal
    begin: float
    end: float

    def place(self, value: Number) -> float:
        """The place of a finite number."""
        span = _WIDE.subtract(self.high, self.low)
        share = float(_WIDE.divide(_WIDE.subtract(_decimal(value), self.low), span))
        return self.begin + min(1.0, max(0.0, share)) * (self.end - self.begin)

    def ticks(self, most: int = 5) -> list[tuple[Decimal, str]]:
        """At most so many round numbers inside the scale, with their texts."""
        step = _round_step(_WIDE.divide(_WIDE.subtract(self.high, self.low), Decimal(most)))
        first = _WIDE.divide(self.low, step).to_integral_value(ROUND_CEILING, _WIDE)
        places = (_WIDE.multiply(_WIDE.add(first, Decimal(n)), step) for n in range(most))
        return [(place, tick_text(place)) for place in places if place <= self.high]


def scale_of(values: Iterable[Number], begin: float, end: float, *, zero: bool = False) -> Scale:
    """A scale that shows all values, and with `zero` the zero as well. Raises ValueError for a
    value that is not finite."""
    shown = [_decimal(value) for value in values]
    if zero or not shown:
        shown.append(Decimal(0))
    low, high = min(shown), max(shown)
    span = _WIDE.subtract(high, low)
    room = _WIDE.multiply(span, _ROOM)
    # A value at zero needs no room on the other side of it.
    floor = low if zero and low == 0 else _WIDE.subtract(low, room)
    ceiling = high if zero and high == 0 else _WIDE.add(high, room)
    if not floor < ceiling:
        floor, ceiling = _WIDE.subtract(low, _beside(low)), _WIDE.add(low, _beside(low))
    return Scale(floor, ceiling, begin, end)


def tick_text(value: Decimal) -> str:
    """The number as short as it can be read."""
    if not value:
        return "0"
    plain = shortest(value) if -7 <= value.adjusted() <= _LONGEST else ""
    if plain and len(plain) <= _LONGEST:
        return plain
    return f"{_THREE.plus(value).normalize(_THREE):e}"


def _beside(value: Decimal) -> Decimal:
    """The room beside a lone value: a tenth of it, for 0 one."""
    return _WIDE.multiply(_WIDE.abs(value), Decimal("0.1")) if value else Decimal(1)


def _round_step(raw: Decimal) -> Decimal:
    base = Decimal(1).scaleb(raw.adjusted(), _WIDE)
    return next(step for step in (_WIDE.multiply(base, each) for each in _STEPS) if step >= raw)


def _decimal(value: Number) -> Decimal:
    found = value if isinstance(value, Decimal) else Decimal(value)
    if not found.is_finite():
        raise ValueError(f"a picture shows finite numbers only, not {found}")
    return found
