"""Lays a document out on pages of A4: running heads, pictures, and tables that go on overleaf.

It knows the width of a text from the function that it is given, and draws nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from console.pictures.picture import Line, Mark, Measure, Role, Words, moved
from console.reports.document import Block, Document, Note, Pairs, Plot, Section, Table
from models.characters import visible_line

WIDTH, HEIGHT = 595.0, 842.0
"""A4 in points."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 553.0, 70.0, 792.0
_INSIDE = _RIGHT - _LEFT
_LEADING = 1.35
_TEXT, _SMALL, _CELL = 10.0, 8.5, 8.0
_GAP = 10.0
_NARROWEST = 30.0
_BETWEEN = 14.0
"""The room between two columns; half of it is left in a table that is as wide as the page."""
_ROLES = {"plain": Role.INK, "dim": Role.DIM, "good": Role.GOOD, "bad": Role.BAD}
_WATERMARK_SIZE = 13.0


@dataclass(slots=True)
class _Pages:
    """The pages so far, and the place where the last one goes on."""

    measure: Measure
    pages: list[list[Mark]] = field(default_factory=lambda: [[]])
    y: float = _TOP

    def room(self, height: float) -> bool:
        """Begins a new page unless the last one has room; says whether it did."""
        if self.y + height <= _BOTTOM or self.y == _TOP:
            return False
        self.pages.append([])
        self.y = _TOP
        return True

    def add(self, mark: Mark) -> None:
        self.pages[-1].append(mark)

    def line(self, text: str, size: float, role: Role, *, bold: bool = False) -> None:
        """Text in as many lines as it needs."""
        for part in wrapped(text, _INSIDE, size, self.measure, bold=bold):
            self.room(size * _LEADING)
            self.y += size * _LEADING
            self.add(Words(_LEFT, self.y - size * 0.35, part, role, size=size, bold=bold))


def laid_out(document: Document, measure: Measure) -> list[list[Mark]]:
    """The marks of each page, with heads and page numbers."""
    at = _Pages(measure)
    frame = document.frame
    at.line(frame.title, 16, Role.INK, bold=True)
    for name, value in (("period", frame.period), ("source", frame.source), ("age", frame.age)):
        at.line(f"{name}: {value}", _SMALL, Role.DIM)
    for section in document.sections:
        _section(at, section)
    return [
        [*_running(document, number, len(at.pages), measure), *marks]
        for number, marks in enumerate(at.pages, 1)
    ]


def wrapped(
    text: str, width: float, size: float, measure: Measure, *, bold: bool = False
) -> list[str]:
    """The text in lines that fit. A word that is too long for a line is cut, and none of it is
    lost."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        current = ""
        for word in visible_line(paragraph).split(" "):
            longer = f"{current} {word}" if current else word
            if measure(longer, size, bold) <= width:
                current = longer
                continue
            if current:
                lines.append(current)
            *full, current = _cut(word, width, size, measure, bold)
            lines += full
        lines.append(current)
    return lines


def _cut(word: str, width: float, size: float, measure: Measure, bold: bool) -> list[str]:
    parts: list[str] = []
    current = ""
    for character in word:
        if current and measure(current + character, size, bold) > width:
            parts.append(current)
            current = ""
        current += character
    return [*parts, current]


def _section(at: _Pages, section: Section) -> None:
    at.y += _GAP
    # A title stays with the first lines or the picture under it.
    at.room(30 + max(60, _height(section.blocks[0]) if section.blocks else 0))
    at.line(section.title, 12.5, Role.INK, bold=True)
    for block in section.blocks:
        at.y += 4
        _block(at, block)


def _block(at: _Pages, block: Block) -> None:
    match block:
        case Note():
            at.line(block.text, _TEXT, _ROLES[block.tone])
        case Pairs():
            _table(at, Table(block.caption, ("", ""), block.rows))
        case Table():
            _table(at, block)
        case Plot():
            _plot(at, block)


def _height(block: Block) -> float:
    """The height of what must stay together at the beginning of a block."""
    return block.picture.height * _factor(block) + 30 if isinstance(block, Plot) else 0


def _factor(plot: Plot) -> float:
    picture = plot.picture
    return min(_INSIDE / picture.width, (_BOTTOM - _TOP - 80) / picture.height)


def _plot(at: _Pages, plot: Plot) -> None:
    picture, factor = plot.picture, _factor(plot)
    at.room(_height(plot))
    for mark in picture.marks:
        at.add(moved(mark, _LEFT, at.y, factor))
    at.y += picture.height * factor
    at.line(plot.caption, _SMALL, Role.DIM)
    if plot.table is not None:
        at.y += 4
        _table(at, plot.table)


def _table(at: _Pages, table: Table) -> None:
    if not table.rows:
        at.line(f"{table.caption}: none", _SMALL, Role.DIM)
        return
    widths = _widths(table, at.measure)
    heads = _cells(table.names, widths, at.measure, bold=True)
    has_heads = any(table.names)
    at.room(_SMALL * _LEADING + (len(heads) + 2) * _CELL * _LEADING)
    at.line(table.caption, _SMALL, Role.DIM)
    if has_heads:
        _lines(at, heads, widths, bold=True)
    for row in table.rows:
        for line in _cells(row, widths, at.measure):
            if at.room(_CELL * _LEADING + 3) and has_heads:
                _lines(at, heads, widths, bold=True)
            _lines(at, [line], widths)
        _rule(at)
    if table.left_out:
        at.line(f"{table.left_out} more are left out", _SMALL, Role.DIM)
    at.y += 4


def _lines(
    at: _Pages, lines: Sequence[Sequence[str]], widths: Sequence[float], *, bold: bool = False
) -> None:
    for line in lines:
        at.y += _CELL * _LEADING
        x = _LEFT
        for text, width in zip(line, widths, strict=True):
            if text:
                role = Role.DIM if bold else Role.INK
                at.add(Words(x, at.y - 2, text, role, size=_CELL, bold=bold))
            x += width
    if bold:
        _rule(at)


def _rule(at: _Pages) -> None:
    at.y += 1.5
    at.add(Line(((_LEFT, at.y), (_RIGHT, at.y)), Role.GRID, 0.5))


def _cells(
    row: Sequence[str], widths: Sequence[float], measure: Measure, *, bold: bool = False
) -> list[tuple[str, ...]]:
    """The lines of a row, each with one part of every cell."""
    columns = [
        wrapped(text, width - _BETWEEN / 2, _CELL, measure, bold=bold)
        for text, width in zip(row, widths, strict=True)
    ]
    deepest = max(map(len, columns))
    return list(zip(*(each + [""] * (deepest - len(each)) for each in columns), strict=True))


def _widths(table: Table, measure: Measure) -> list[float]:
    """The width of each column. Columns that need less than an even share leave the rest to the
    others."""
    wanted = [
        _BETWEEN + max(measure(visible_line(text), _CELL, n == 0) for n, text in enumerate(column))
        for column in zip(table.names, *table.rows, strict=True)
    ]
    left, widths = _INSIDE, [0.0] * len(wanted)
    for place, (number, width) in enumerate(sorted(enumerate(wanted), key=lambda each: each[1])):
        widths[number] = min(max(width, _NARROWEST), left / (len(wanted) - place))
        left -= widths[number]
    return widths


def _running(document: Document, number: int, count: int, measure: Measure) -> list[Mark]:
    """The head and foot of a page."""
    frame = document.frame
    half = _INSIDE / 2 - 10
    left = wrapped(f"mlrisk, account {frame.account}", half, _SMALL, measure)[0]
    right = wrapped(frame.period, half, _SMALL, measure)[0]
    marks: list[Mark] = [
        Words(_LEFT, 36, left, size=_SMALL),
        Words(_RIGHT, 36, right, anchor="end", size=_SMALL),
        Line(((_LEFT, 42), (_RIGHT, 42)), Role.GRID, 0.5),
        Line(((_LEFT, 800), (_RIGHT, 800)), Role.GRID, 0.5),
        Words(_LEFT, 814, frame.age, size=_SMALL),
        Words(_RIGHT, 814, f"page {number} of {count}", anchor="end", size=_SMALL),
    ]
    if frame.watermark is not None:
        mark = Words(WIDTH / 2, 60, frame.watermark, Role.NEAR, "middle", _WATERMARK_SIZE, True)
        marks.append(_fitting(mark, measure))
    return marks


def _fitting(mark: Words, measure: Measure) -> Words:
    width = measure(mark.text, mark.size, mark.bold)
    return mark if width <= _INSIDE else replace(mark, size=mark.size * _INSIDE / width)
