"""Pages: nothing is lost, nothing leaves the paper, every page has its head and number."""

from hypothesis import given
from hypothesis import strategies as st

from console.pictures.picture import Box, Dot, Line, Words, rough_width
from console.reports.pages import HEIGHT, WIDTH, laid_out, wrapped
from tests.unit.console.reports.samples import document, text_of


def assert_on_paper(marks: list[object]) -> None:
    for mark in marks:
        match mark:
            case Line():
                assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in mark.points)
            case Box() | Dot():
                assert 0 <= mark.x <= WIDTH and 0 <= mark.y <= HEIGHT
            case Words():
                width = rough_width(mark.text, mark.size, mark.bold)
                left = mark.x - width * {"start": 0, "middle": 0.5, "end": 1}[mark.anchor]
                assert left > -1 and 0 <= mark.y <= HEIGHT
                assert mark.anchor != "start" or left + width <= WIDTH, mark.text


def test_every_page_has_account_period_age_number_and_watermark() -> None:
    pages = laid_out(document(rows=200), rough_width)
    assert len(pages) > 2
    for number, marks in enumerate(pages, 1):
        told = text_of(marks)
        assert "mlrisk, account fine" in told
        assert "UTC day fine" in told
        assert f"page {number} of {len(pages)}" in told
        assert "PAPER" in told
        assert any(line.startswith("read 2026-11-30T12:00:00.000Z") for line in told)


def test_a_table_goes_on_overleaf_with_its_heads_and_without_loss() -> None:
    pages = laid_out(document(rows=200), rough_width)
    lines = [line for marks in pages for line in text_of(marks)]
    assert [line for line in lines if line.startswith("row ")] == [f"row {n}" for n in range(200)]
    with_rows = [marks for marks in pages if any(t.startswith("row ") for t in text_of(marks))]
    assert len(with_rows) > 1
    assert all("name" in text_of(marks) for marks in with_rows)


@given(st.text(max_size=300), st.integers(0, 12))
def test_any_text_stays_on_paper(text: str, rows: int) -> None:
    for marks in laid_out(document(text, rows=rows), rough_width):
        assert_on_paper(marks)


@given(st.text("ab \n", max_size=80), st.floats(20, 200))
def test_wrapping_loses_no_character_and_keeps_to_the_width(text: str, width: float) -> None:
    lines = wrapped(text, width, 10, rough_width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")
    assert all(rough_width(line, 10) <= width for line in lines if len(line) > 1)


def test_a_word_longer_than_a_line_is_cut() -> None:
    assert wrapped("abcdef", 12, 10, rough_width) == ["ab", "cd", "ef"]
