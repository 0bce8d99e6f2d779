"""The daily report as a document: every part, its plots, and text of others as text."""

from typing import Any

import pytest

from console.reports.daily import daily_document
from console.reports.document import Plot
from console.reports.html import page
from console.reports.pdf import pdf
from tests.support.documents.daily_facts import daily_facts
from tests.support.documents.html import Page, is_self_contained
from tests.support.documents.pdf_text import read_pdf
from tests.unit.console.reports.samples import ATTACK, frame


@pytest.mark.parametrize("points", [0, 1, 3])
def test_the_page_has_every_part_with_its_tables(points: int) -> None:
    found = Page(page(daily_document(daily_facts(points=points), frame())))
    assert is_self_contained(found)
    assert found.elements.count("svg") == (5 if points > 1 else 3)
    for told in (
        "loss of the day: 0.00% of 3.00%",
        "200 more are left out",
        "Value of blocks: fine.",
        "under 10 ms",
        "5000 ms and more",
        "Denials by reason",
        "Costs by algorithm",
    ):
        assert told in found.text


def test_the_pdf_has_the_same_parts() -> None:
    found = read_pdf(pdf(daily_document(daily_facts(), frame())))
    text = " ".join(found.text.split())
    for told in (
        "loss of the day: 0.00% of 3.00%",
        "Money",
        "Decisions",
        "Denied because of",
        "Lateness of slices",
        "drawdown limit 10.00%",
        "Acts of operators: 1",
        "page 1 of",
    ):
        assert told in text


def test_text_of_others_stays_text() -> None:
    document = daily_document(daily_facts(ATTACK), frame(ATTACK))
    found = Page(page(document))
    assert is_self_contained(found)
    assert "<script>alert(1)</script>" in found.text
    assert "\x1b" not in found.text
    assert "<script>" in "".join(read_pdf(pdf(document)).text.split())


def quiet() -> dict[str, Any]:
    facts = daily_facts(points=0)
    facts["decisions"] |= {"total": 0, "allowed": 0, "shrunk": 0, "denied": 0, "by_reason": {}}
    facts["costs"] = {"by_algorithm": [], "not_computed": []}
    facts["lateness_counts"] = [{**one, "slices": 0} for one in facts["lateness_counts"]]
    return facts


def test_a_quiet_day_says_that_nothing_happened() -> None:
    document = daily_document(quiet(), frame())
    text = Page(page(document)).text
    assert "No slice was sent." in text
    assert "Costs by algorithm: none" in text
    plots = [b for section in document.sections for b in section.blocks if isinstance(b, Plot)]
    assert [plot.picture.told for plot in plots] == ["decisions: 0 allowed, 0 shrunk, 0 denied"]
