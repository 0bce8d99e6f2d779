"""Text of the code stands in a page as it is meant."""

from console.reference.markdown import paragraphs, sentence, table


def test_a_cell_keeps_its_bars_and_its_line() -> None:
    assert table(("A", "B"), [("x|y", "two\nlines")]) == (
        "| A | B |\n|---|---|\n| x\\|y | two lines |\n"
    )
    assert table(("A",), []) == ""


def test_a_phrase_becomes_a_sentence() -> None:
    assert sentence("the price\n of it") == "The price of it."
    assert sentence("Really?") == "Really?"
    assert sentence("") == ""
    assert paragraphs("one\ntwo\n\n\n three") == ["one two", "three"]
