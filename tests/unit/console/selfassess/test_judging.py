"""A control is proven by tests that passed and by nothing else; what speaks against it is told."""

from dataclasses import replace

import pytest

from console.selfassess.catalogue import Basis, Standing
from console.selfassess.evidence import NOT_RUNNING
from console.selfassess.judging import ProofState, Row, Verdict
from console.selfassess.kinds import EvidenceKind, Shown
from console.selfassess.proofs import Outcome, ProofFile
from tests.support.documents.assessing import (
    REVISION,
    RUNNING,
    SILENT,
    T0,
    assessment,
    control,
    proven,
)

LIMIT = "gate.max_order_notional"


def only(*controls: object, **changes: object) -> Row:
    found = assessment(*(controls or (control(),)), **changes)  # type: ignore[arg-type]
    (row,) = found.judged[0].rows
    return row


def test_a_control_is_proven_by_passed_tests_alone() -> None:
    row = only()
    assert (row.verdict, row.last_proof) == (Verdict.PROVEN, T0)
    assert row.tests[0].state is ProofState.PASSED
    assert row.tests[0].of_this_code
    unknown = only(proofs=ProofFile())
    assert (unknown.verdict, unknown.last_proof) == (Verdict.NOT_PROVEN, None)
    assert only(proofs=proven(Outcome.SKIPPED)).verdict is Verdict.NOT_PROVEN
    assert only(proofs=proven(Outcome.FAILED)).verdict is Verdict.FAILED


def test_one_test_without_a_result_leaves_a_control_unproven() -> None:
    row = only(control(tests=(*control().tests, "tests/unit/test_x.py::test_z")))
    assert (row.verdict, row.last_proof) == (Verdict.NOT_PROVEN, None)


def test_a_proof_of_other_code_is_named_as_that() -> None:
    found = assessment(control(), proofs=proven(revision=f"{REVISION}-dirty"))
    assert not found.judged[0].rows[0].tests[0].of_this_code
    assert found.of_other_code() == 1
    assert assessment(control()).of_other_code() == 0


@pytest.mark.parametrize(
    ("standing", "verdict"),
    [
        (Standing.PARTLY, Verdict.GAP),
        (Standing.NOT_MET, Verdict.GAP),
        (Standing.NOT_ASSESSED, Verdict.NOT_ASSESSED),
        (Standing.OUTSIDE, Verdict.OUTSIDE),
    ],
)
def test_no_passed_test_closes_a_gap_and_a_failed_one_counts(
    standing: Standing, verdict: Verdict
) -> None:
    open_control = control(standing=standing, missing="the rest", basis=Basis.SUMMARY)
    assert only(open_control).verdict is verdict
    assert only(open_control, proofs=proven(Outcome.FAILED)).verdict is Verdict.FAILED


def test_a_running_system_that_contradicts_outweighs_passed_tests() -> None:
    against = replace(RUNNING, shown={EvidenceKind.DRILL: Shown("FAILED", False, T0)})
    assert only(running=against).verdict is Verdict.FAILED
    neither = replace(RUNNING, shown={EvidenceKind.DRILL: Shown("never rehearsed", None)})
    assert only(running=neither).verdict is Verdict.PROVEN


def test_a_system_that_does_not_run_is_said_and_holds_nothing_against_a_control() -> None:
    row = only(running=SILENT)
    assert row.verdict is Verdict.PROVEN
    assert row.shown[EvidenceKind.DRILL].words.startswith(NOT_RUNNING)


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ({LIMIT: 5, "gate.max_leverage": None}, Verdict.PROVEN),
        ({LIMIT: None, "gate.max_leverage": None}, Verdict.FAILED),
    ],
)
def test_a_control_whose_limits_are_all_off_is_none(
    limits: dict[str, object], verdict: Verdict
) -> None:
    limited = control(limits=(LIMIT, "gate.max_leverage"))
    row = only(limited, running=replace(RUNNING, limits=limits))
    assert row.verdict is verdict
    assert row.limits is not None
    assert f"{LIMIT} = {'off' if limits[LIMIT] is None else 5}" in row.limits.words


def test_limits_that_can_not_be_read_speak_against_what_relies_on_them() -> None:
    unreadable = replace(RUNNING, limits_problem="version 3 was changed without mlrisk")
    row = only(control(limits=(LIMIT,)), running=unreadable)
    assert row.verdict is Verdict.FAILED
    assert only(control(limits=(LIMIT,)), running=SILENT).verdict is Verdict.PROVEN


def test_counts_begin_with_the_worst() -> None:
    gap = control(id="x-2", standing=Standing.PARTLY, missing="half")
    found = assessment(control(), gap, control(id="x-3"))
    assert list(found.counts().items()) == [("gap", 1), ("proven", 2)]
    facts = found.to_json()
    assert facts["counts"] == {"gap": 1, "proven": 2}
    assert [row["verdict"] for row in facts["texts"][0]["controls"]] == ["proven", "gap", "proven"]
