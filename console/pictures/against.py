"""A picture of pairs: a predicted number against the measured one, with the line of equality."""

from collections.abc import Sequence

from console.pictures.picture import Dot, Line, Mark, Picture, Role, Words
from console.pictures.scale import Number, scale_of

_WIDTH, _SIDE = 720.0, 360.0
_LEFT, _TOP, _BOTTOM = 84.0, 22.0, 44.0
Pair = tuple[Number, Number]
"""The predicted number and the measured one."""


def against(pairs: Sequence[Pair], *, across: str, up: str, told: str) -> Picture:
    """A dot for each pair, on one scale for both, so that a dot on the line was predicted right."""
    values = [value for pair in pairs for value in pair]
    right, bottom = _LEFT + _SIDE, _TOP + _SIDE
    flat = scale_of(values, _LEFT, right, zero=True)
    steep = scale_of(values, bottom, _TOP, zero=True)
    marks: list[Mark] = []
    for value, text in flat.ticks():
        x, y = flat.place(value), steep.place(value)
        marks.append(Line(((x, _TOP), (x, bottom)), Role.GRID))
        marks.append(Line(((_LEFT, y), (right, y)), Role.GRID))
        marks.append(Words(x, bottom + 16, text, anchor="middle", size=11))
        marks.append(Words(_LEFT - 6, y + 4, text, anchor="end", size=11))
    marks.append(Line(((_LEFT, bottom), (right, _TOP)), Role.PLAN, 1.5))
    marks += [Dot(flat.place(x), steep.place(y), 4.0, Role.SERIES) for x, y in pairs]
    marks.append(Words((_LEFT + right) / 2, bottom + 34, across, anchor="middle", size=11))
    marks.append(Words(0, 12, up, size=11))
    marks.append(Line(((right + 24, _TOP + 12), (right + 56, _TOP + 12)), Role.PLAN, 1.5))
    marks.append(Words(right + 64, _TOP + 16, "predicted = measured", Role.INK, size=11))
    marks.append(Dot(right + 40, _TOP + 32, 4.0, Role.SERIES))
    marks.append(Words(right + 64, _TOP + 36, "one trade", Role.INK, size=11))
    return Picture(_WIDTH, bottom + _BOTTOM, told, tuple(marks))
