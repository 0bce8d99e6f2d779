"""A picture as SVG: one element with its words, escaped, without styles of its own."""

from console.pictures.picture import Box, Dot, Line, Picture, Role, Words
from console.pictures.svg import style, svg
from tests.support.documents.html import Page

ATTACK = "</svg><script>alert(1)</script>\" onload=x '&\x1b[31m\u202e"


def test_every_shape_is_drawn_by_its_role() -> None:
    marks = (
        Line(((0, 1), (2, 3)), Role.LIMIT),
        Box(1, 2, 3, 4, Role.SERIES),
        Dot(5, 6, 2, Role.GOOD),
        Words(7, 8, "words", Role.INK, "end", 11, True),
    )
    page = Page(svg(Picture(100, 50, "told", marks)))
    assert page.elements == ["svg", "polyline", "rect", "circle", "text"]
    assert page.values("class") == ["plot", "limit", "series", "good", "ink"]
    assert page.values("aria-label") == ["told"]
    assert page.values("role") == ["img"]
    assert page.values("style") == []
    assert page.text == "words"


def test_text_of_others_stays_text() -> None:
    page = Page(svg(Picture(1, 1, ATTACK, (Words(0, 0, ATTACK),))))
    assert page.elements == ["svg", "text"]
    assert "onload" not in page.attributes
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text and "\u202e" not in page.text
    assert "<script>" in page.values("aria-label")[0]


def test_every_role_has_a_style_and_a_dash_where_it_needs_one() -> None:
    sheet = style()
    assert all(f"var(--{role})" in sheet for role in Role)
    assert "stroke-dasharray: 2 3" in sheet
