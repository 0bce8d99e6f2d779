"""A picture as plain shapes: lines, boxes, dots and words, each with its role instead of a colour.

A page and a PDF choose their own colours by role. Every picture says in words what it shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from models.characters import visible_line

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


class Role(StrEnum):
    """What a shape stands for."""

    INK = "ink"
    DIM = "dim"
    GRID = "grid"
    RAIL = "rail"
    SERIES = "series"
    PLAN = "plan"
    LIMIT = "limit"
    INTERVAL = "interval"
    GOOD = "good"
    NEAR = "near"
    BAD = "bad"
    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    FOURTH = "fourth"
    FIFTH = "fifth"
    SIXTH = "sixth"


DASHED = {Role.PLAN: (6.0, 4.0), Role.LIMIT: (2.0, 3.0), Role.THIRD: (9.0, 3.0)}
"""Roles that are told apart without colours as well: the lengths of a dash and of its gap."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points."""

    points: tuple[Point, ...]
    role: Role
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle from its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    role: Role


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    role: Role


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text on its baseline."""

    x: float
    y: float
    text: str
    role: Role = Role.DIM
    anchor: Anchor = "start"
    size: float = 12.0
    bold: bool = False


Mark = Line | Box | Dot | Words


@dataclass(frozen=True, slots=True)
class Picture:
    """Shapes in a frame whose origin is its upper left corner; `told` says in words what it
    shows."""

    width: float
    height: float
    told: str
    marks: tuple[Mark, ...]


def moved(mark: Mark, x: float, y: float, factor: float = 1.0) -> Mark:
    """The mark enlarged by the factor, then moved."""

    def at(point: Point) -> Point:
        return x + point[0] * factor, y + point[1] * factor

    match mark:
        case Line():
            return Line(tuple(map(at, mark.points)), mark.role, mark.width * factor)
        case Box():
            return Box(*at((mark.x, mark.y)), mark.width * factor, mark.height * factor, mark.role)
        case Dot():
            return Dot(*at((mark.x, mark.y)), mark.radius * factor, mark.role)
        case Words():
            size = mark.size * factor
            return Words(*at((mark.x, mark.y)), mark.text, mark.role, mark.anchor, size, mark.bold)


Measure = Callable[[str, float, bool], float]
"""The width of a text of a size, in bold or not; in the unit of the size."""


def rough_width(text: str, size: float, bold: bool = False) -> float:
    """A width that sans-serif text hardly exceeds, for pictures whose font nobody knows yet."""
    return len(text) * size * (0.64 if bold else 0.6)


def shortened(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """The text in one line, or as much of it as fits with an ellipsis. The table beside has all of
    it."""
    line = visible_line(text)
    most = max(1, int(width / rough_width("m", size, bold)))
    return line if len(line) <= most else f"{line[: most - 1]}…"
