"""Log and witness agree by files alone, and what is wrong between them is said."""

from pathlib import Path

import pytest

from bot.safety.audit import submitting
from models.database import Database
from tests.support.audit.log import LoggedAudit

pytestmark = pytest.mark.services


@pytest.fixture
def audit(db: Database, tmp_path: Path) -> LoggedAudit:
    return LoggedAudit(db, tmp_path)


def test_a_log_without_entries_or_without_a_witness_is_fine(audit: LoggedAudit) -> None:
    assert audit.submit() is None
    audit.write(1)
    audit.extend()
    assert audit.submit() is None
    assert audit.witnessed == 0


def test_a_witness_that_comes_late_is_given_all_leaves_in_pieces(
    audit: LoggedAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "SPAN", 5)
    for _ in range(4):
        audit.write(2)
        audit.extend()
    sizes = []
    while audit.witnessed < 16:
        assert audit.submit() is None
        assert audit.witness.look()
        sizes.append(audit.witnessed)
    assert sizes == [4, 8, 12, 16]
    assert not audit.witness.look()


def test_a_log_that_lost_its_end_is_told_although_nothing_is_new(audit: LoggedAudit) -> None:
    """As after an older backup was restored."""
    audit.write(3)
    assert audit.step() is None
    audit.write(1)
    assert audit.step() is None
    audit.damage(
        "DELETE FROM audit_tree WHERE size > 6",
        "DELETE FROM audit_leaf WHERE leaf > 5",
        "DELETE FROM audit_entry WHERE seq > 3",
        "UPDATE audit_chain_head SET seq = 3",
    )
    assert "has signed 8 audit entries, and the log has 6" in str(audit.submit())
    assert not audit.witness.look(), "the head of six is part of what it has signed"
    assert not audit.own.refused.exists()


def test_a_refusal_stays_until_a_person_takes_it_away(audit: LoggedAudit) -> None:
    audit.write(1)
    assert audit.step() is None
    audit.own.refused.write_text('{"why": "a reason"}')
    assert audit.submit() == "the witness refuses the audit log: a reason"
    audit.own.refused.write_text("no JSON")
    assert "can't be read" in str(audit.submit())
    audit.own.refused.unlink()
    assert audit.submit() is None


def test_a_file_that_cant_be_the_witness_s_is_a_fault(audit: LoggedAudit) -> None:
    audit.write(1)
    assert audit.step() is None
    audit.own.cosigned.write_text("nothing")
    assert "can't be read" in str(audit.submit())
