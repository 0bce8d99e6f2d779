"""Every damage to the stored audit is found and named, however far its author goes."""

from pathlib import Path

import pytest

from models.database import Database
from models.transparency.checking import Evidence, check
from models.transparency.differences import Damage
from tests.support.audit.log import CHAINS, LoggedAudit

pytestmark = pytest.mark.services
MIXED = "UPDATE audit_entry SET seq = seq * 10 WHERE chain = 'paper'"
ATTACKS = {
    Damage.CHANGED: ["UPDATE audit_entry SET actor = 'x' WHERE chain = 'paper' AND seq = 3"],
    Damage.DELETED: ["DELETE FROM audit_entry WHERE chain = 'paper' AND seq = 3"],
    Damage.INSERTED: [
        MIXED,
        "INSERT INTO audit_entry"
        " (chain, seq, at, kind, subject, actor, payload, prev_hash, hash)"
        " SELECT chain, 25, at, kind, 'new', actor, payload, prev_hash, hash"
        " FROM audit_entry WHERE chain = 'paper' AND seq = 20",
    ],
    Damage.REORDERED: [MIXED, "UPDATE audit_entry SET seq = 45 WHERE chain = 'paper' AND seq = 30"],
    Damage.TRUNCATED: [
        "DELETE FROM audit_entry WHERE chain = 'paper' AND seq = 6",
        "UPDATE audit_chain_head SET seq = 5 WHERE chain = 'paper'",
    ],
}
NAMED = {
    Damage.CHANGED: "entry 3 ",
    Damage.DELETED: "entry 3 ",
    Damage.INSERTED: "entry 25 ",
    Damage.REORDERED: "entry 40 ",
    Damage.TRUNCATED: "entry 6 ",
}
NAMED_AFTER_REWRITING = {
    Damage.CHANGED: "paper: entry 3 ",
    Damage.DELETED: "leaf 8 ",
    Damage.INSERTED: "paper: entry 3 ",
    Damage.REORDERED: "paper: entry 3 ",
    Damage.TRUNCATED: "leaf 11 ",
}


@pytest.fixture
def audit(db: Database, tmp_path: Path) -> LoggedAudit:
    """Two chains of six entries; the witness has seen them all."""
    made = LoggedAudit(db, tmp_path)
    made.write(6)
    assert made.step() is None
    assert made.witnessed == 12
    return made


def test_an_audit_as_it_was_written_has_no_fault(audit: LoggedAudit) -> None:
    audit.write(1)
    report = audit.check()
    assert (report.entries, report.waiting, report.witnessed) == (12, 2, 12)
    assert report.faults == ()
    assert report.head is not None
    assert audit.step() is None
    again = audit.check(report.head)
    assert (again.begins, again.entries, again.witnessed, again.faults) == (12, 2, 14, ())


@pytest.mark.parametrize("damage", [*ATTACKS])
def test_each_kind_of_damage_is_named_with_its_entry(audit: LoggedAudit, damage: Damage) -> None:
    audit.damage(*ATTACKS[damage])
    faults = audit.check().faults
    named = [f for f in faults if f.kind == damage and NAMED[damage] in f.text]
    assert named, faults
    assert {f.chain for f in named} == {"paper"}


@pytest.mark.parametrize("damage", [*ATTACKS])
def test_who_owns_the_database_and_the_logs_key_rewrites_nothing_unseen(
    audit: LoggedAudit, damage: Damage
) -> None:
    """Chains, heads, leaves, subtrees and checkpoint are all consistent again."""
    audit.rewrite(*ATTACKS[damage])
    with audit.db.reading() as session:
        believed = check(session, Evidence(audit.signer.key))
    assert believed.faults == (), "without the witness nothing contradicts"
    faults = audit.check().faults
    wanted = NAMED_AFTER_REWRITING[damage]
    assert [f for f in faults if f.kind == damage and wanted in f.text], faults


@pytest.mark.parametrize("more", [0, 2])
@pytest.mark.parametrize("damage", [*ATTACKS])
def test_the_witness_refuses_a_rewritten_log_and_what_adds_risk_stops(
    audit: LoggedAudit, damage: Damage, more: int
) -> None:
    before = audit.own.cosigned.read_text()
    audit.rewrite(*ATTACKS[damage])
    audit.start()
    if more:
        audit.write(more)
    audit.step()
    said = audit.submit()
    assert said is not None
    if damage is Damage.TRUNCATED and not more:
        assert "has signed 12 audit entries, and the log has 11" in said
    else:
        assert "the witness refuses the audit log" in said
        assert audit.own.refused.exists()
    assert audit.own.cosigned.read_text() == before


@pytest.mark.parametrize("seq", [1, 6])
@pytest.mark.parametrize("chain", CHAINS)
def test_the_first_and_the_last_entry_are_no_exception(
    audit: LoggedAudit, chain: str, seq: int
) -> None:
    audit.damage(f"DELETE FROM audit_entry WHERE chain = '{chain}' AND seq = {seq}")
    (fault, *_) = audit.check().faults
    assert (fault.chain, fault.seq) == (chain, seq)
    assert fault.kind == (Damage.TRUNCATED if seq == 6 else Damage.DELETED)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit_entry SET hash = repeat('0', 64) WHERE chain = 'paper' AND seq = 2",
         "paper: entry 2 has another hash"),
        ("UPDATE audit_leaf SET hash = sha256('x') WHERE leaf = 4", "global: entry 5"),
        ("DELETE FROM audit_leaf WHERE leaf = 4", "lacks leaf 4"),
        ("DELETE FROM audit_leaf WHERE leaf > 9", "leaf 10 was cut off"),
        ("DELETE FROM audit_tree", "have no checkpoint"),
        ("UPDATE audit_tree SET note = 'mine'", "a note is a text"),
        ("DELETE FROM audit_entry; DELETE FROM audit_leaf; DELETE FROM audit_tree;"
         " DELETE FROM audit_chain_head", "leaf 0 was cut off"),
    ],
)  # fmt: skip
def test_damage_to_the_log_itself_is_named_too(
    audit: LoggedAudit, statement: str, words: str
) -> None:
    audit.damage(*statement.split(";"))
    faults = audit.check().faults
    assert [f for f in faults if words in f.text], faults


def test_a_past_that_was_verified_and_is_another_now_is_told(audit: LoggedAudit) -> None:
    head = audit.check().head
    audit.rewrite(*ATTACKS[Damage.CHANGED])
    with audit.db.reading() as session:
        report = check(session, Evidence(audit.signer.key), head)
    assert "not those that were verified before" in report.faults[0].text
    assert report.begins == 0


def test_only_the_log_s_own_key_counts(audit: LoggedAudit) -> None:
    other = LoggedAudit(audit.db, audit.home / "another")
    with audit.db.reading() as session:
        report = check(session, Evidence(other.signer.key))
    assert [f.kind for f in report.faults] == ["unsigned"]
