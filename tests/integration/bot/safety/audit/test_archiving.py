"""A month leaves the database only into a verified, declared and witnessed file."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from bot import failpoints
from bot.clock import FixedClock
from bot.errors import Refused
from bot.safety.audit.archiving import archives_that_count
from models.archived import ARCHIVED, file_of, mark_of
from models.audit import AuditDraft, append_entries
from models.database import Database
from models.tables import AuditRow
from models.transparency.archives import leaves_in
from models.transparency.comparing import faults_of
from tests.support.audit.archives import MONTHS, archive, archiver_of, write_months
from tests.support.audit.log import CHAINS, LoggedAudit

pytestmark = pytest.mark.services
MONTH = MONTHS[0]
POINTS = (
    failpoints.IN_ARCHIVE,
    failpoints.AFTER_ARCHIVE,
    failpoints.AFTER_ARCHIVE_ENTRY,
    failpoints.BEFORE_REMOVAL_COMMIT,
    failpoints.AFTER_REMOVAL_COMMIT,
)
_DIES = """
import os
import sys
from pathlib import Path
from bot import failpoints
from bot.safety.audit import archiving
from models.database import Database
from tests.support.audit.archives import archive
from tests.support.audit.log import LoggedAudit
archiving.BATCH = 3
for line in sys.stdin:
    point, month = line.split()
    child = os.fork()
    if child == 0:
        failpoints.arm(point)
        audit = LoggedAudit(Database(sys.argv[1]), Path(sys.argv[2]))
        archive(audit, month, Path(sys.argv[2]))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""A process that forks one for each death, so that the code is imported once."""


@pytest.fixture
def audit(db: Database, tmp_path: Path) -> LoggedAudit:
    made = LoggedAudit(db, tmp_path)
    write_months(made)
    return made


def payloads(audit: LoggedAudit, month: str = MONTH) -> dict[tuple[str, int], object]:
    with audit.db.reading() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.subject.startswith(month))).all()
    return {(row.chain, row.seq): row.payload for row in rows}


def test_a_month_leaves_and_every_proof_stays(audit: LoggedAudit, tmp_path: Path) -> None:
    before = payloads(audit)
    plan = archiver_of(audit).plan(MONTH)
    assert (plan.entries, plan.leaving, plan.left, plan.declared) == (8, 6, 6, None)
    assert payloads(audit) == before, "a plan changes nothing"
    declared = archive(audit, MONTH, tmp_path)
    assert (declared.begins, declared.ends) == (0, 8)
    assert declared.chains == {"global": (1, 4), "paper": (1, 4)}
    found = payloads(audit)
    assert [found[chain, seq] for chain in CHAINS for seq in (1, 2, 4)] == [mark_of(MONTH)] * 6
    assert all(found[chain, 3] == before[chain, 3] for chain in CHAINS)
    report = audit.check()
    assert (report.faults, report.archived) == ((), 6)
    audit.write(2)
    assert audit.step() is None
    leaves = leaves_in(tmp_path / file_of(MONTH), declared, set(before))
    assert {place: json.loads(leaf)[-1] for place, leaf in leaves.items()} == before
    again = archiver_of(audit).plan(MONTH)
    assert (again.left, again.declared) == (0, declared)
    assert archiver_of(audit).remove(declared, tmp_path / file_of(MONTH)) == 0
    assert archive(audit, MONTH, tmp_path) == declared, "a second run changes nothing"
    with audit.db.reading() as session:
        kinds = session.scalars(select(AuditRow.kind).where(AuditRow.kind == ARCHIVED)).all()
    assert len(kinds) == 1


def test_a_death_at_each_step_loses_nothing_and_the_next_run_goes_on(
    audit: LoggedAudit, migrated_url: str, tmp_path: Path
) -> None:
    """One month for each of three points; a fourth and a fifth death follow in the last one."""
    months = (*MONTHS, MONTHS[-1], MONTHS[-1])
    before = {month: payloads(audit, month) for month in MONTHS}
    words = [sys.executable, "-c", _DIES, migrated_url, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for point, month in zip(POINTS, months, strict=True):
            process.stdin.write(f"{point} {month}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{-signal.SIGKILL:d}\n"
            audit.start()
            assert audit.step() is None
            assert audit.check().faults == ()
            assert_nothing_is_lost(audit, tmp_path, before)
        process.stdin.close()
    for month in MONTHS:
        archive(audit, month, tmp_path)
        assert archiver_of(audit).plan(month).left == 0
    assert audit.check().archived == 18
    assert_nothing_is_lost(audit, tmp_path, before)


def assert_nothing_is_lost(
    audit: LoggedAudit, directory: Path, before: dict[str, dict[tuple[str, int], object]]
) -> None:
    with audit.db.reading() as session:
        archived = archives_that_count(session, free=True).all
        assert list(faults_of(session, archives_that_count(session, free=True), directory)) == []
    stored = {
        place: json.loads(leaf)[-1]
        for each in archived
        for place, leaf in leaves_in(directory / each.file, each, set(before[each.month])).items()
    }
    for month, known in before.items():
        for place, payload in payloads(audit, month).items():
            assert payload == known[place] or stored[place] == known[place]


def test_what_is_young_or_unknown_or_not_witnessed_stays(
    audit: LoggedAudit, tmp_path: Path
) -> None:
    archiver = archiver_of(audit)
    for month, words in (
        ("2024-1", "is no month"),
        ("2023-12", "no entry got its place"),
        ("2098-12", "can be archived from 2100-02-01 on"),
    ):
        with pytest.raises(Refused, match=words):
            archiver.archive(month, tmp_path, "test")
    audit.clock = FixedClock(datetime(2024, 4, 15, tzinfo=UTC))
    audit.start()
    with audit.db.transaction() as session:
        # An entry that is as young as this test, in a batch with an old time.
        drafts = [AuditDraft("paper", "fill", "late", "gate", {}, datetime.now(UTC))]
        append_entries(session, drafts)
    audit.extend()
    with pytest.raises(Refused, match="has not signed all entries of 2024-04"):
        archiver.archive("2024-04", tmp_path, "test")
    assert audit.step() is None
    with pytest.raises(Refused, match="2024-04 can be archived from"):
        archiver.archive("2024-04", tmp_path, "test")
    assert list(tmp_path.glob("audit-2*")) == []


def test_nothing_is_removed_before_the_witness_has_the_declaration_or_with_another_file(
    audit: LoggedAudit, tmp_path: Path
) -> None:
    archiver, file = archiver_of(audit), tmp_path / file_of(MONTH)
    before = payloads(audit)
    declared = archiver.archive(MONTH, tmp_path, "test")
    with pytest.raises(Refused, match="has not signed the entry"):
        archiver.remove(declared, file)
    assert audit.step() is None
    whole = file.read_bytes()
    for content, words in (
        (whole[:-9], "cut or changed"),
        (whole[:60] + bytes([whole[60] ^ 1]) + whole[61:], "audit-2024-01"),
        (None, "is missing"),
    ):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(Refused, match=words):
            archiver.remove(declared, file)
        with pytest.raises(Refused, match=words):
            archiver.archive(MONTH, tmp_path, "test")
    assert payloads(audit) == before
    file.write_bytes(whole)
    assert archiver.remove(declared, file) == 6


def test_a_file_of_the_same_name_that_is_no_archive_of_the_month_is_never_replaced(
    audit: LoggedAudit, tmp_path: Path
) -> None:
    archive(audit, MONTHS[1], tmp_path)
    other, file = tmp_path / file_of(MONTHS[1]), tmp_path / file_of(MONTH)
    for content, words in ((b"mine", "is no sound archive"), (other.read_bytes(), "other entries")):
        file.write_bytes(content)
        with pytest.raises(Refused, match=words):
            archiver_of(audit).archive(MONTH, tmp_path, "test")
        assert file.read_bytes() == content


def test_the_database_has_the_same_list_of_kinds(audit: LoggedAudit) -> None:
    from models.archived import REMOVABLE

    with audit.db.reading() as session:
        said = str(
            session.scalar(text("SELECT prosrc FROM pg_proc WHERE proname = 'guard_audit_entry'"))
        )
    listed = said.split("OLD.kind IN (")[1].split(")")[0]
    assert tuple(word.strip(" '") for word in listed.split(",")) == REMOVABLE
