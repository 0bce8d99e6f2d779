"""A document as a page: one file, escaped, without scripts or other files, with its tables."""

import re

import pytest

from console.reports.html import page
from tests.support.documents.html import Page, is_self_contained
from tests.unit.console.reports.samples import ATTACK, document


@pytest.mark.parametrize("text", ["fine", ATTACK])
def test_a_page_is_one_balanced_file_and_text_of_others_stays_text(text: str) -> None:
    found = Page(page(document(text)))
    assert is_self_contained(found)
    assert {"main", "h1", "h2", "figure", "svg", "table", "caption"} <= set(found.names)
    assert "\x1b" not in found.text and "\u202e" not in found.text
    if text is ATTACK:
        assert "<script>alert(1)</script>" in found.text


def test_a_page_says_whose_facts_it_has_and_how_old_they_are() -> None:
    found = Page(page(document()))
    for told in ("account", "UTC day fine", "Postgres fine", "30.0 seconds old", "PAPER"):
        assert told in found.text
    assert "PAPER" not in Page(page(document(watermark=None))).text


def test_a_page_is_dark_and_light_printed_and_by_its_own_policy_runs_nothing() -> None:
    text = page(document())
    for rule in ("prefers-color-scheme: dark", "@media print", "color-scheme: light dark"):
        assert rule in text
    assert "default-src 'none'" in text
    assert "transition" not in text and "animation" not in text


def test_tables_are_named_and_reached_by_keyboard_and_every_name_exists() -> None:
    text = page(document())
    found = Page(text)
    assert found.values("scope").count("col") == 2
    assert found.values("tabindex") == ["0"]
    assert "7 more are left out" in found.text
    assert "empty: none" in found.text
    identities = found.values("id")
    assert len(identities) == len(set(identities))
    assert set(found.values("aria-labelledby")) <= set(identities)
    used = set(re.findall(r"var\((--[\w-]+)\)", text))
    assert used <= set(re.findall(r"(--[\w-]+):", text))
