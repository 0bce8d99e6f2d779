"""Every entry gets one place in one log, whoever else runs and whenever a process dies."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.failpoints import (
    AFTER_SEQUENCE_COMMIT,
    AFTER_SUBMISSION,
    BEFORE_SEQUENCE_COMMIT,
    IN_SEQUENCING,
)
from bot.safety.audit import sequencing
from bot.safety.audit.sequencing import Sequencer
from models.audit import AuditDraft, append_entries
from models.database import Database
from models.locks import try_lock_audit_log
from models.tables import AuditLeafRow, AuditNodeRow, AuditTreeRow
from models.transparency.merkle import LeafNodes, consistency_proof, inclusion_proof, root_at
from models.transparency.offline_verifier import Checkpoint, Note
from models.transparency.stored import StoredNodes, TornLogError
from tests.support.audit.log import LoggedAudit

pytestmark = pytest.mark.services
_DIES = """
import sys
from pathlib import Path
from bot import failpoints
from models.database import Database
from tests.support.audit.log import LoggedAudit
audit = LoggedAudit(Database(sys.argv[1]), Path(sys.argv[2]))
failpoints.arm(sys.argv[3])
audit.extend()
audit.submit()
"""


@pytest.fixture
def audit(db: Database, tmp_path: Path) -> LoggedAudit:
    return LoggedAudit(db, tmp_path)


def heads(audit: LoggedAudit) -> list[Checkpoint]:
    with audit.db.reading() as session:
        notes = session.scalars(select(AuditTreeRow.note).order_by(AuditTreeRow.size)).all()
    for note in notes:
        Note.parse(note).signed_by(audit.signer.key)
    return [Checkpoint.parse(Note.parse(note).text) for note in notes]


def leaves(audit: LoggedAudit) -> list[bytes]:
    with audit.db.reading() as session:
        rows = session.scalars(select(AuditLeafRow).order_by(AuditLeafRow.leaf)).all()
    assert [row.leaf for row in rows] == list(range(len(rows)))
    assert len({(row.chain, row.seq) for row in rows}) == len(rows)
    return [row.hash for row in rows]


def test_each_batch_has_a_signed_head_and_nothing_new_has_none(audit: LoggedAudit) -> None:
    assert audit.extend() == 0
    for n in (1, 2, 3):
        audit.write(n)
        assert audit.extend() == 2 * n
        assert audit.extend() == 0
    assert [head.size for head in heads(audit)] == [2, 6, 12]
    nodes = LeafNodes(leaves(audit))
    assert [head.root for head in heads(audit)] == [root_at(nodes, size) for size in (2, 6, 12)]


def test_a_long_log_goes_on_from_its_stored_subtrees(
    audit: LoggedAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 leaves fill one stored subtree of 256."""
    monkeypatch.setattr(sequencing, "BATCH", 90)
    with audit.db.transaction() as session:
        at = audit.clock.now()
        drafts = [AuditDraft("paper", "note", f"{n}", "test", {}, at) for n in range(300)]
        append_entries(session, drafts)
    while Sequencer(audit.db, audit.signer, audit.clock).extend():
        pass
    with audit.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(AuditNodeRow)) == 1
    nodes = LeafNodes(leaves(audit))
    assert [(h.size, h.root) for h in heads(audit)] == [
        (size, root_at(nodes, size)) for size in (90, 180, 270, 300)
    ]
    with audit.db.reading() as session:
        stored = StoredNodes(session)
        assert inclusion_proof(stored, 17, 300) == inclusion_proof(nodes, 17, 300)
        assert consistency_proof(stored, 180, 300) == consistency_proof(nodes, 180, 300)


def test_many_sequencers_and_writers_at_once_make_one_log(audit: LoggedAudit) -> None:
    stop, failed = threading.Event(), []

    def sequence() -> None:
        own = Sequencer(audit.db, audit.signer, audit.clock)
        try:
            while not stop.is_set():
                own.extend()
        except Exception as error:  # noqa: BLE001 - the test tells it
            failed.append(error)

    others = [threading.Thread(target=sequence) for _ in range(3)]
    for each in others:
        each.start()
    audit.write(25)
    stop.set()
    for each in others:
        each.join(60)
    audit.extend()
    assert failed == []
    nodes = LeafNodes(leaves(audit))
    assert len(nodes.leaves) == 50
    assert all(head.root == root_at(nodes, head.size) for head in heads(audit))


def test_a_sequencer_waits_for_nobody(audit: LoggedAudit) -> None:
    audit.write(1)
    with audit.db.transaction() as session:
        assert try_lock_audit_log(session)
        assert audit.extend() == 0
    assert audit.extend() == 2


@pytest.mark.parametrize(
    "point", [IN_SEQUENCING, BEFORE_SEQUENCE_COMMIT, AFTER_SEQUENCE_COMMIT, AFTER_SUBMISSION]
)
def test_a_death_at_any_point_leaves_the_former_log_or_the_new_one(
    audit: LoggedAudit, migrated_url: str, point: str
) -> None:
    audit.write(2)
    assert audit.step() is None
    audit.write(3)
    words = [sys.executable, "-c", _DIES, migrated_url, str(audit.home), point]
    assert subprocess.run(words, check=False).returncode == -9
    committed = point in (AFTER_SEQUENCE_COMMIT, AFTER_SUBMISSION)
    assert [head.size for head in heads(audit)] == ([4, 10] if committed else [4])
    audit.start()
    assert audit.step() is None
    assert audit.witnessed == 10
    assert audit.check().faults == ()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit_entry SET actor = 'x' WHERE chain = 'paper' AND seq = 3", "3 was changed"),
        ("DELETE FROM audit_entry WHERE chain = 'paper' AND seq = 3", "4 does not follow entry 2"),
    ],
)
def test_an_entry_that_was_damaged_before_it_had_a_place_gets_none(
    audit: LoggedAudit, statement: str, words: str
) -> None:
    audit.write(2)
    audit.extend()
    audit.write(2)
    audit.damage(statement)
    for _ in range(2):
        with pytest.raises(TornLogError, match=words):
            audit.extend()
    assert [head.size for head in heads(audit)] == [4]


def test_a_log_that_is_not_its_checkpoints_is_not_signed_again(audit: LoggedAudit) -> None:
    audit.write(2)
    audit.extend()
    audit.damage("UPDATE audit_leaf SET hash = sha256('x') WHERE leaf = 1")
    audit.write(1)
    audit.start()
    for _ in range(2):
        with pytest.raises(TornLogError, match="another root"):
            audit.extend()
    assert [head.size for head in heads(audit)] == [4]
