"""Frames and documents for the tests of reports."""

from datetime import UTC, datetime, timedelta

from console.pictures.picture import Picture, Role, Words
from console.pictures.rows import Group, Row, rows_picture
from console.reports.document import Document, Frame, Note, Pairs, Plot, Section, Table

READ = datetime(2026, 11, 30, 12, tzinfo=UTC)
ATTACK = "<script>alert(1)</script>\" onload=x '&\x1b[31m\u202e $\\frac{1}{2}$ ) Tj (\\"


def frame(text: str = "paper", *, watermark: str | None = "PAPER: no real money") -> Frame:
    return Frame(
        title=f"mlrisk {text}",
        account=text,
        period=f"UTC day {text}",
        source=f"Postgres {text}",
        read_at=READ,
        newest=READ - timedelta(seconds=30),
        watermark=watermark,
    )


def picture(text: str = "twap") -> Picture:
    return rows_picture(
        (Group(text, (Row(text, 1.5, text, Role.FIRST, is_bar=True),)),), text, text
    )


def document(text: str = "fine", *, rows: int = 3, watermark: str | None = "PAPER") -> Document:
    table = Table(text, ("name", text), tuple((f"row {n}", text) for n in range(rows)), 7)
    blocks = (
        Note(text, "bad"),
        Pairs(text, ((text, text),)),
        Plot(picture(text), text, table),
        Table("empty", ("a",), ()),
    )
    return Document(frame(text, watermark=watermark), (Section(text, blocks),))


def text_of(marks: list[object]) -> list[str]:
    return [mark.text for mark in marks if isinstance(mark, Words)]
