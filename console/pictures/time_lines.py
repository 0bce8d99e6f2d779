"""A picture of numbers over time: lines or staircases, against levels that must not be passed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from console.pictures.picture import (
    Anchor,
    Line,
    Mark,
    Picture,
    Point,
    Role,
    Words,
    rough_width,
    shortened,
)
from console.pictures.scale import Number, Scale, scale_of

_WIDTH, _HEIGHT = 720.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 84.0, 12.0, 12.0, 26.0
_LEGEND = 18.0
_TIMES = 4
"""So many parts of the time are marked: their five edges have room for a date each."""
Steps = Sequence[tuple[datetime, Decimal]]
"""Moments, and the quantity that each adds."""


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers at moments, in their order; as a staircase each holds until the next."""

    name: str
    points: Sequence[tuple[datetime, Number]]
    role: Role = Role.SERIES
    stepped: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """A number that holds all the time, such as a limit."""

    name: str
    value: Number
    role: Role = Role.LIMIT


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is shown."""

    begin: datetime
    end: datetime

    def share(self, at: datetime) -> float:
        """The place of a moment from 0 to 1; moments outside are at the edge."""
        length = self.end - self.begin
        if length <= timedelta(0):
            return 0.0
        return min(1.0, max(0.0, (at - self.begin) / length))


def over_time(
    series: Sequence[Series], levels: Sequence[Level], span: Span, *, unit: str, told: str
) -> Picture:
    """All series and levels on one scale, with a legend that has every name."""
    values = [value for one in series for _, value in one.points]
    values += [level.value for level in levels]
    names = [(one.name, one.role) for one in series] + [(one.name, one.role) for one in levels]
    legend, top = _legend(names)
    bottom = top + _HEIGHT - _BOTTOM
    scale = scale_of(values, bottom, top + _TOP)
    marks: list[Mark] = [*_grid(scale, span, bottom, top), *legend]
    marks.append(Words(0, top, unit, size=11))
    for level in levels:
        y = scale.place(level.value)
        marks.append(Line(((_LEFT, y), (_WIDTH - _RIGHT, y)), level.role, 1.5))
    marks += [Line(_places(one, span, scale), one.role, 2.0) for one in series if one.points]
    return Picture(_WIDTH, bottom + _BOTTOM, told, tuple(marks))


def running(steps: Steps, end: datetime) -> list[tuple[datetime, Decimal]]:
    """The sum after each step, in the order of time, up to the end."""
    total = Decimal(0)
    found = []
    for at, qty in sorted(steps):
        total += qty
        found.append((at, total))
    if found and end > found[-1][0]:
        found.append((end, total))
    return found


def staircase(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points with a corner before each: a value holds until the next one."""
    found: list[Point] = []
    for x, y in points:
        if found:
            found.append((x, found[-1][1]))
        found.append((x, y))
    return tuple(found)


def _places(one: Series, span: Span, scale: Scale) -> tuple[Point, ...]:
    places = [(_x(span.share(at)), scale.place(value)) for at, value in one.points]
    if len(places) == 1:
        # A lone reading is shown as a short line.
        (x, y) = places[0]
        return ((max(_LEFT, x - 3), y), (min(_WIDTH - _RIGHT, x + 3), y))
    return staircase(places) if one.stepped else tuple(places)


def _grid(scale: Scale, span: Span, bottom: float, top: float) -> list[Mark]:
    marks: list[Mark] = []
    for value, text in scale.ticks():
        y = scale.place(value)
        marks.append(Line(((_LEFT, y), (_WIDTH - _RIGHT, y)), Role.GRID))
        marks.append(Words(_LEFT - 6, y + 4, text, anchor="end", size=11))
    for part in range(_TIMES + 1):
        x = _x(part / _TIMES)
        marks.append(Line(((x, top + _TOP), (x, bottom)), Role.GRID))
        at = span.begin + (span.end - span.begin) * part / _TIMES
        anchor: Anchor = "start" if part == 0 else "end" if part == _TIMES else "middle"
        marks.append(Words(x, bottom + 16, _moment(at, span), anchor=anchor, size=11))
    return marks


def _moment(at: datetime, span: Span) -> str:
    """As much of a moment as tells the marks of this span apart."""
    length = span.end - span.begin
    if length >= timedelta(days=2):
        form = "%m-%d %H:%M"
    elif length >= timedelta(minutes=10):
        form = "%H:%M"
    else:
        form = "%H:%M:%S"
    return at.astimezone(UTC).strftime(form)


def _legend(names: Sequence[tuple[str, Role]]) -> tuple[list[Mark], float]:
    """Each name beside a piece of its line, in as many lines as they need, and the place under."""
    marks: list[Mark] = []
    x, y = _LEFT, 12.0
    for name, role in names:
        text = shortened(name, _WIDTH - _LEFT - 40, 11)
        width = 34 + rough_width(text, 11) + 14
        if x > _LEFT and x + width > _WIDTH:
            x, y = _LEFT, y + _LEGEND
        marks.append(Line(((x, y - 4), (x + 26, y - 4)), role, 2.0))
        marks.append(Words(x + 32, y, text, Role.INK, size=11))
        x += width
    return marks, y + _LEGEND


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
