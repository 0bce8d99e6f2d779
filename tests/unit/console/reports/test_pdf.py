"""A document as a PDF: its text is read back from the file's own tables."""

import matplotlib
import pytest

from console.reports.pdf import drawable, pdf, width_of
from tests.support.documents.pdf_text import read_pdf
from tests.unit.console.reports.samples import ATTACK, document


def test_the_text_can_be_searched_on_every_page() -> None:
    found = read_pdf(pdf(document(rows=120)))
    assert found.title == "mlrisk fine"
    assert len(found.pages) > 1
    for number, lines in enumerate(found.pages, 1):
        assert f"page {number} of {len(found.pages)}" in lines
        assert "mlrisk, account fine" in lines
        assert lines.count("PAPER") == 2
    rows = [line for lines in found.pages for line in lines if line.startswith("row ")]
    assert rows == [f"row {n}" for n in range(120)]


def test_text_of_others_is_drawn_as_it_is() -> None:
    found = read_pdf(pdf(document(ATTACK, watermark=ATTACK)))
    joined = "".join(found.text.split())
    for part in ("<script>alert(1)</script>", "$\\frac{1}{2}$", "\\x1b[31m", "\\u202e", ")Tj(\\"):
        assert part in joined
    assert "\x1b" not in found.text and "\u202e" not in found.text


def test_a_character_without_a_glyph_is_shown_as_its_code() -> None:
    assert drawable("Ünï Кир αβ – …") == "Ünï Кир αβ – …"
    assert drawable("\u6771") == "\\u6771"
    found = read_pdf(pdf(document("Кир \u6771 ∑")))
    assert "Кир \\u6771 ∑" in found.text


def test_the_same_document_gives_the_same_small_file() -> None:
    first, second = (pdf(document(rows=20)) for _ in range(2))
    assert first == second
    assert len(first) < 150_000
    assert b"/JavaScript" not in first and b"/URI" not in first


def test_a_persons_own_settings_of_matplotlib_change_nothing() -> None:
    plain = pdf(document())
    with matplotlib.rc_context({"text.usetex": True, "pdf.fonttype": 3, "savefig.bbox": "tight"}):
        assert pdf(document()) == plain


@pytest.mark.parametrize("bold", [False, True])
def test_a_width_grows_with_size_and_text(bold: bool) -> None:
    assert width_of("", 10, bold) == 0
    assert width_of("ab", 20, bold) == pytest.approx(2 * width_of("ab", 10, bold))
    assert width_of("W", 10, bold) > width_of("i", 10, bold) > 0
