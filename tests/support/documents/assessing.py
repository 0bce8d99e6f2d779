"""A small self-assessment, made without a system."""

from datetime import UTC, datetime
from typing import Any

from console.selfassess.catalogue import Basis, Control, Framework, Standing
from console.selfassess.evidence import RunningSystem
from console.selfassess.judging import Assessment, judge
from console.selfassess.kinds import EvidenceKind, Shown
from console.selfassess.proofs import Case, Outcome, ProofFile

T0 = datetime(2026, 11, 30, 12, tzinfo=UTC)
TEST = "tests/unit/test_x.py::test_y"
REVISION = "a" * 40
RUNNING = RunningSystem(None, {EvidenceKind.DRILL: Shown("passed", True, T0)}, {})
SILENT = RunningSystem("no system runs here", {}, {})


def control(**changes: Any) -> Control:
    """A control that is met, with one test and one piece of evidence."""
    return Control(
        **{
            "id": "x-1",
            "reference": "Article 1",
            "topic": "a control",
            "basis": Basis.READ,
            "asks": "Something.",
            "standing": Standing.MET,
            "answer": "It is done.",
            "enforced": ("check depth",),
            "tests": (TEST,),
            "evidence": (EvidenceKind.DRILL,),
            **changes,
        }
    )


def proven(outcome: Outcome = Outcome.PASSED, revision: str = REVISION) -> ProofFile:
    """The proof of the control's test."""
    return ProofFile().with_run(revision, {TEST: {"": Case(outcome=outcome, ended_at=T0)}})


def assessment(
    *controls: Control, proofs: ProofFile | None = None, running: RunningSystem = RUNNING
) -> Assessment:
    """The assessment of these controls."""
    text = Framework(key="x", title="A text", at_hand="All of it.", controls=controls)
    known = proven() if proofs is None else proofs
    judged = judge((text,), known, running, REVISION)
    return Assessment(T0, "account paper", "proofs.json", REVISION, judged)
