"""The page of the self-assessment: one file, escaped, with a heading for each control."""

from datetime import UTC, datetime

from console.selfassess.catalogue import Standing
from console.selfassess.kinds import EvidenceKind, Shown
from console.selfassess.proofs import Outcome
from console.views.assessment_html import assessment_html
from tests.support.documents.assessing import RUNNING, assessment, control, proven
from tests.support.documents.html import FOREIGN, Page

ATTACK = "<script>alert(1)</script>\" onload=x '&\x1b[31m"


def test_the_page_is_one_balanced_file_with_a_section_for_each_control() -> None:
    gap = control(id="x-2", standing=Standing.PARTLY, missing="The other half.")
    page = Page(assessment_html(assessment(control(), gap)))
    assert {"main", "h1", "h2", "h3", "section", "table", "th"} < page.names
    assert FOREIGN.isdisjoint(page.names)
    assert {"src", "href", "style"}.isdisjoint(page.attributes)
    assert page.ids == ["x-1", "x-2"]
    assert "no legal advice" in page.text
    assert "Gaps and failures: 1" in page.text
    assert "The other half." in page.text
    assert "prefers-color-scheme: dark" in page.text


def test_a_failure_says_which_test_or_evidence_spoke_against_it() -> None:
    page = Page(assessment_html(assessment(control(), proofs=proven(Outcome.FAILED))))
    assert page.text.count("tests/unit/test_x.py::test_y") >= 2
    at = datetime(2026, 11, 30, tzinfo=UTC)
    shown = {EvidenceKind.DRILL: Shown("flat not proven", False, at)}
    against = assessment(control(), running=type(RUNNING)(None, shown, {}))
    assert "flat not proven" in Page(assessment_html(against)).text


def test_text_of_others_stays_text() -> None:
    shown = {EvidenceKind.DRILL: Shown(ATTACK, None)}
    page = Page(assessment_html(assessment(control(), running=type(RUNNING)(None, shown, {}))))
    assert "script" not in page.names
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text
