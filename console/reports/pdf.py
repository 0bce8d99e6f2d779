"""A document as a PDF: A4 pages with vector pictures and text that can be searched.

It draws with matplotlib (the extra `pictures`), whose import takes a second: only a command that
writes a PDF may import this module.
"""

from functools import cache
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.artist import Artist
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font, LoadFlags
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Transform

from console.pictures.colours import LIGHT
from console.pictures.picture import DASHED, Box, Dot, Line, Mark, Words
from console.reports.document import Document
from console.reports.pages import HEIGHT, WIDTH, laid_out
from models.characters import code_of, visible_line

_INCH = 72.0
_SIDES = {"start": "left", "middle": "center", "end": "right"}
_TRUETYPE = 42
"""Embeds the font's outlines with the table that gives their characters back."""
_MEASURED = 100.0
"""The size at which characters are measured; their width grows evenly with it."""


def pdf(document: Document) -> bytes:
    """The whole file. The same document gives the same bytes."""
    frame = document.frame
    about = {
        "Title": visible_line(frame.title),
        "Author": "mlrisk",
        "Subject": visible_line(f"account {frame.account}, {frame.period}"),
        "Creator": "mlrisk",
        "CreationDate": frame.read_at,
    }
    written = BytesIO()
    with matplotlib.rc_context():
        # A person's own settings must neither run TeX on text of others nor cut pages.
        matplotlib.rcdefaults()
        matplotlib.rcParams["pdf.fonttype"] = _TRUETYPE
        with PdfPages(written, metadata=about) as pages:
            for marks in laid_out(document, width_of):
                pages.savefig(_figure(marks, frame.watermark))
    return written.getvalue()


def width_of(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in points."""
    return sum(_advance(character, bold) for character in drawable(text, bold=bold)) * size


def drawable(text: str, *, bold: bool = False) -> str:
    """The text in one line, with the code of each character that the font does not have."""
    known = _characters(bold)
    return "".join(
        character if ord(character) in known else code_of(character)
        for character in visible_line(text)
    )


def _figure(marks: list[Mark], watermark: str | None) -> Figure:
    figure = Figure(figsize=(WIDTH / _INCH, HEIGHT / _INCH), facecolor="white")
    # Marks count in points from the upper left corner, and the figure in inches from the lower.
    places = Affine2D().scale(1 / _INCH, -1 / _INCH).translate(0, HEIGHT / _INCH)
    on_page = places + figure.dpi_scale_trans
    if watermark is not None:
        figure.add_artist(_across(watermark, on_page))
    for order, mark in enumerate(marks, 1):
        artist = _artist(mark, on_page)
        # Marks are drawn in their order, whatever their kind.
        artist.set_zorder(order)
        figure.add_artist(artist)
    return figure


def _across(watermark: str, on_page: Transform) -> Text:
    """The watermark behind everything, from corner to corner."""
    text = drawable(watermark, bold=True)
    size = min(60.0, 0.8 * (WIDTH**2 + HEIGHT**2) ** 0.5 / width_of(text, 1.0, True))
    return Text(
        WIDTH / 2, HEIGHT / 2, text, color="#f5f1e6", rotation=54.8, ha="center", va="center",
        fontproperties=_properties(size, True), transform=on_page, parse_math=False, zorder=0,
    )  # fmt: skip


def _artist(mark: Mark, on_page: Transform) -> Artist:
    colour = LIGHT[mark.role]
    match mark:
        case Line():
            xs, ys = zip(*mark.points, strict=True)
            dash = DASHED.get(mark.role)
            return Line2D(
                xs, ys, color=colour, linewidth=mark.width, transform=on_page,
                linestyle="-" if dash is None else (0, dash),
            )  # fmt: skip
        case Box():
            corner, size = (mark.x, mark.y), (mark.width, mark.height)
            return Rectangle(corner, *size, color=colour, linewidth=0, transform=on_page)
        case Dot():
            centre = (mark.x, mark.y)
            return Circle(centre, mark.radius, color=colour, linewidth=0, transform=on_page)
        case Words():
            return Text(
                mark.x, mark.y, drawable(mark.text, bold=mark.bold), color=colour,
                ha=_SIDES[mark.anchor], va="baseline", transform=on_page, parse_math=False,
                fontproperties=_properties(mark.size, mark.bold),
            )  # fmt: skip


@cache
def _properties(size: float, bold: bool) -> FontProperties:
    return FontProperties(fname=_path(bold), size=size)


def _path(bold: bool) -> Path:
    """matplotlib's own font, which is the same on every machine."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


@cache
def _font(bold: bool) -> FT2Font:
    font = FT2Font(_path(bold))
    font.set_size(_MEASURED, _INCH)
    return font


@cache
def _characters(bold: bool) -> frozenset[int]:
    return frozenset(_font(bold).get_charmap())


@cache
def _advance(character: str, bold: bool) -> float:
    """The width of a character at the size 1."""
    glyph = _font(bold).load_char(ord(character), LoadFlags.NO_HINTING)
    return glyph.linearHoriAdvance / 65_536 / _MEASURED
