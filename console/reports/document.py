"""A report as a document: a frame that says whose facts it has and how old they are, and
sections."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from console.output import utc
from console.pictures.picture import Picture
from console.views.html_page import words as words

Tone = Literal["plain", "dim", "good", "bad"]
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Frame:
    """The account and time that a report is about, and the source and age of its facts."""

    title: str
    account: str
    period: str
    source: str
    read_at: datetime
    newest: datetime | None
    """The time of the newest fact in it; None when there is none."""
    watermark: str | None
    """The words of a report that shows no real money."""

    @property
    def age(self) -> str:
        """When the facts were read, and how old the newest was then."""
        read = f"read {utc(self.read_at)}"
        if self.newest is None:
            return f"{read}; no fact of this period was found"
        seconds = max(0.0, (self.read_at - self.newest).total_seconds())
        return f"{read}; the newest fact was {_duration(seconds)} old"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Named values, one a line."""

    caption: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under names. `left_out` more rows exist and are not shown."""

    caption: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture, a sentence about reading it, and the table of its numbers."""

    picture: Picture
    caption: str
    table: Table | None = None


Block = Note | Pairs | Table | Plot


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    frame: Frame
    sections: tuple[Section, ...]


def table_of(
    caption: str, names: Sequence[str], rows: Iterable[Mapping[str, Any]], *, count: int = 0
) -> Table:
    """A table of rows by their names. `count` is the number of rows that exist."""
    cells = tuple(tuple(words(row[name]) for name in names) for row in rows)
    shown = tuple(name.replace("_", " ") for name in names)
    return Table(caption, shown, cells, max(0, count - len(cells)))


def pairs_of(caption: str, rows: Iterable[tuple[str, Any]]) -> Pairs:
    """Named values as text."""
    return Pairs(caption, tuple((name, words(value)) for name, value in rows))


def _duration(seconds: float) -> str:
    for unit, name in ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} seconds"
