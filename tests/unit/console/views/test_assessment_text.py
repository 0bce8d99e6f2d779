"""The self-assessment on a terminal: each control with its proof, and the counts."""

import io

from console.foreign import SafeConsole
from console.selfassess.catalogue import Standing
from console.selfassess.kinds import EvidenceKind, Shown
from console.selfassess.proofs import ProofFile
from console.views.assessment_text import print_assessment
from tests.support.documents.assessing import REVISION, RUNNING, assessment, control, proven


def printed(*controls: object, **changes: object) -> str:
    out = io.StringIO()
    console = SafeConsole(file=out, width=200, highlight=False)
    print_assessment(console, assessment(*controls, **changes))  # type: ignore[arg-type]
    return out.getvalue()


def test_a_control_is_shown_with_where_it_is_enforced_its_test_and_its_evidence() -> None:
    gap = control(id="x-2", standing=Standing.NOT_MET, missing="All of it.")
    told = printed(control(), gap)
    assert "proven  Article 1, a control (x-1)" in told
    assert "where: check depth" in told
    assert "test tests/unit/test_x.py::test_y: passed, 2026-11-30T12:00:00.000Z, this code" in told
    assert "last drill: passed (2026-11-30T12:00:00.000Z)" in told
    assert "not met: All of it." in told
    assert "2 controls: 1 gap, 1 proven" in told
    assert "no legal advice" in told


def test_what_is_not_proven_or_of_other_code_or_against_it_is_said() -> None:
    assert "test_y: not proven here" in printed(control(), proofs=ProofFile())
    older = printed(control(), proofs=proven(revision="b" * 40))
    assert f"other code ({'b' * 40})" in older
    assert f"this code is {REVISION}; 1 tests last ran on other code than this" in older
    shown = {EvidenceKind.DRILL: Shown("\x1b[31mFAILED", False)}
    told = printed(control(), running=type(RUNNING)(None, shown, {}))
    assert "AGAINST IT: " in told
    assert "\x1b" not in told
