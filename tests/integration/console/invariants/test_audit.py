"""I8: the audit chain verifies and decisions replay."""

import pytest
from sqlalchemy import delete

from models.archived import ARCHIVED, Declaration, file_of, mark_of, subject_of
from models.audit import GLOBAL_CHAIN, AuditDraft, append_entries
from models.tables import AuditRow, DecisionRow
from tests.integration.console.invariants.breaking import D, broken, change, only
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def test_i8_names_an_audit_entry_that_was_changed(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, AuditRow, AuditRow.kind == "decision", actor="somebody else")
    assert "was changed after it was written" in only(scene.violated(), "I8")


def test_i8_names_an_audit_entry_that_was_removed(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        session.execute(delete(AuditRow).where(AuditRow.kind == "decision"))
    text_ = only(scene.violated(), "I8")
    assert "is missing before entry" in text_
    assert "decision r-1 isn't the one in the audit chain" in text_


def test_i8_names_a_decision_that_replays_to_another_answer(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-1")
        row.limits = {**row.limits, "min_confidence": 0.99}
    assert "decision r-1 replays to another answer (deny instead of allow)" in only(
        scene.violated(), "I8"
    )


def test_i8_names_a_decision_that_was_rewritten(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-1")
        row.decision = {**row.decision, "approved_qty": "5"}
    text_ = only(scene.violated(), "I8")
    assert "decision r-1 was changed after it was written" in text_


def test_i8_names_columns_that_differ_from_the_decision(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, DecisionRow, DecisionRow.request_id == "r-1", approved_notional=D("9999"))
    assert "decision r-1: its columns don't say what it decided" in only(scene.violated(), "I8")


def test_i8_names_a_decision_that_cannot_be_read_back(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-1")
        row.snapshot = {"taken_at": "never"}
    violated = scene.violated()
    assert "decision r-1 can't be read back" in only(violated, "I8")
    assert "was approved on inputs that can't be read back" in only(violated, "I9")


def test_i8_takes_an_archived_decision_and_names_an_emptied_one(scene: Scene) -> None:
    scene.trade("r-1")
    month, chain = "2024-01", "paper"
    change(scene, AuditRow, AuditRow.kind == "decision", payload=mark_of(month))
    told = only(scene.violated(), "I8")
    assert "was emptied by hand" in told
    assert "decision r-1 isn't the one in the audit chain" in told
    said = Declaration(
        0, month, file_of(month), "a" * 64, 0, 99, {chain: (1, 99)}, "b" * 64
    ).to_payload()
    with scene.db.transaction() as session:
        now = scene.clock.now()
        draft = AuditDraft(GLOBAL_CHAIN, ARCHIVED, subject_of(month), "test", said, now)
        append_entries(session, [draft])
    assert "I8" not in scene.violated()
