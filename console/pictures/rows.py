"""A picture of named numbers in rows: as bars from zero, or as dots with their intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from console.pictures.picture import Box, Dot, Line, Mark, Picture, Role, Words, shortened
from console.pictures.scale import Number, Scale, scale_of

_WIDTH = 720.0
_NAMES, _NUMBERS = 220.0, 200.0
"""The room at the left for names, and at the right for numbers."""
_ROW, _HEAD, _TOP, _FOOT = 20.0, 22.0, 8.0, 40.0
_WHISKER = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """A number with its name and text, and its interval where it has one; None is unknown."""

    name: str
    value: Number | None
    shown: str
    role: Role = Role.SERIES
    low: Number | None = None
    high: Number | None = None
    is_bar: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under a common title; without a title they stand alone."""

    title: str
    rows: Sequence[Row]


def rows_picture(groups: Sequence[Group], unit: str, told: str) -> Picture:
    """All rows on one scale that has the zero, with the unit under it."""
    every = [row for group in groups for row in group.rows]
    scale = scale_of(_numbers(every), _NAMES, _WIDTH - _NUMBERS, zero=True)
    marks: list[Mark] = []
    y = _TOP
    for group in groups:
        if group.title:
            y += _HEAD
            title = shortened(group.title, _WIDTH, 12, bold=True)
            marks.append(Words(0, y - 6, title, Role.INK, bold=True))
        for row in group.rows:
            marks += _row(row, scale, y + _ROW / 2)
            y += _ROW
    return Picture(_WIDTH, y + _FOOT, told, (*_axis(scale, unit, y), *marks))


def _numbers(rows: Iterable[Row]) -> list[Number]:
    found = (number for row in rows for number in (row.value, row.low, row.high))
    return [number for number in found if number is not None]


def _axis(scale: Scale, unit: str, bottom: float) -> list[Mark]:
    marks: list[Mark] = []
    for value, text in scale.ticks():
        x = scale.place(value)
        marks.append(Line(((x, _TOP), (x, bottom + 4)), Role.GRID))
        marks.append(Words(x, bottom + 18, text, anchor="middle", size=11))
    zero = scale.place(0)
    marks.append(Line(((zero, _TOP), (zero, bottom + 4)), Role.DIM))
    text = shortened(unit, _WIDTH, 11)
    marks.append(Words(_WIDTH / 2, bottom + 34, text, anchor="middle", size=11))
    return marks


def _row(row: Row, scale: Scale, middle: float) -> list[Mark]:
    marks: list[Mark] = [Words(8, middle + 4, shortened(row.name, _NAMES - 16, 12), Role.INK)]
    shown = shortened(row.shown, _NUMBERS - 10, 11)
    marks.append(Words(_WIDTH - _NUMBERS + 10, middle + 4, shown, Role.INK, size=11))
    if row.value is None:
        return marks
    at = scale.place(row.value)
    if row.is_bar:
        zero = scale.place(0)
        marks.append(Box(min(zero, at), middle - 6, max(abs(at - zero), 0.5), 12, row.role))
    if row.low is not None and row.high is not None:
        low, high = scale.place(row.low), scale.place(row.high)
        marks.append(Line(((low, middle), (high, middle)), Role.INTERVAL, 1.5))
        for end in (low, high):
            edge = ((end, middle - _WHISKER), (end, middle + _WHISKER))
            marks.append(Line(edge, Role.INTERVAL, 1.5))
    if not row.is_bar:
        marks.append(Dot(at, middle, 4.5, row.role))
    return marks
