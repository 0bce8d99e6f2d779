"""The pieces of a page: values as a person reads them, every text escaped, one file."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from console.views.html_page import page, pairs, table, text, words
from tests.support.documents.html import FOREIGN, Page


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, "–"),
        (Decimal("1.100000000"), "1.1"),
        (0.25, "0.25"),
        (datetime(2026, 11, 30, tzinfo=UTC), "2026-11-30T00:00:00.000Z"),
        (3, "3"),
    ],
)
def test_a_value_is_shown_plainly(value: object, read: str) -> None:
    assert words(value) == read


def test_text_is_escaped_and_steers_nothing() -> None:
    assert text('<b title="x">') == "&lt;b title=&quot;x&quot;&gt;"
    assert "\x1b" not in text("\x1b[31m")


def test_a_page_is_one_balanced_file_in_both_schemes() -> None:
    rows = [{"a_name": "<i>", "b": None}]
    parsed = Page(page("A <title>", [table(("a_name", "b"), rows), table(("a_name",), []),
                                     pairs([("one", 1)])]))  # fmt: skip
    assert FOREIGN.isdisjoint(parsed.names)
    assert "a name" in parsed.text
    assert "<i>" in parsed.text
    assert "none" in parsed.text
    assert "prefers-color-scheme: dark" in parsed.text
