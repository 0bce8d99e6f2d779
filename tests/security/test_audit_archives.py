"""Archives give nobody a way to remove or hide an entry of the audit."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from bot.errors import Refused
from bot.safety.audit.archiving import archives_that_count
from config.settings import Environment, Settings
from console.runtime.audit.archives import with_archives
from models.archived import Archived, Declaration, file_of, subject_of
from models.audit import AuditDraft, append_entries
from models.database import Database
from models.roles import DatabaseLogins
from models.transparency import archives
from models.transparency.archives import Span
from models.transparency.checking import Report, check
from models.transparency.offline_verifier import Checkpoint
from tests.support.audit.archives import MONTHS, archive, archiver_of, write_months
from tests.support.audit.log import LoggedAudit
from tests.support.services import PostgresServer

pytestmark = pytest.mark.services
MONTH = MONTHS[0]
IMMUTABLE = "audit entries are immutable"


@pytest.fixture
def logins(postgres: PostgresServer, migrated_url: str) -> DatabaseLogins:
    return postgres.logins(migrated_url)


@pytest.fixture
def audit(db: Database, tmp_path: Path) -> LoggedAudit:
    made = LoggedAudit(db, tmp_path)
    write_months(made)
    return made


@pytest.fixture
def owner(logins: DatabaseLogins) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(logins.owner.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def blank(where: str, month: str = MONTH) -> bytes:
    mark = f"jsonb_build_object('archived', '{month}')"
    return f"UPDATE audit_entry SET payload = {mark} WHERE {where}".encode()


@pytest.mark.parametrize("purpose", ["application", "operator", "audit", "exporter", "viewer"])
def test_no_role_of_a_process_empties_an_archived_entry(
    audit: LoggedAudit, logins: DatabaseLogins, tmp_path: Path, purpose: str
) -> None:
    archive(audit, MONTH, tmp_path, remove=False)
    with (
        psycopg.connect(getattr(logins, purpose).replace("+psycopg", "")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(blank("chain = 'paper' AND seq = 1"))
    process = Database(getattr(logins, purpose), pool_size=1)
    try:
        with pytest.raises(Refused, match="only the owner of the tables"):
            archiver_of(audit, process).archive(MONTHS[1], tmp_path, "test")
    finally:
        process.dispose()
    assert not (tmp_path / file_of(MONTHS[1])).exists()


def test_the_consoles_role_declares_and_the_owners_removes(
    audit: LoggedAudit, logins: DatabaseLogins, tmp_path: Path
) -> None:
    """As under `mlrisk up`: neither needs more than it has."""
    console, owner = Database(logins.operator, pool_size=1), Database(logins.owner, pool_size=1)
    try:
        archiver = archiver_of(audit, owner, db=console)
        declared = archiver.archive(MONTH, tmp_path, "test")
        assert audit.step() is None
        assert archiver.remove(declared, tmp_path / declared.file) == 6
        assert archiver.plan(MONTH).left == 0
    finally:
        console.dispose()
        owner.dispose()
    assert audit.check().faults == ()


def test_the_owner_empties_what_is_declared_and_nothing_else(
    audit: LoggedAudit, owner: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    first = "chain = 'paper' AND seq = 1"
    with pytest.raises(psycopg.errors.RaiseException, match=IMMUTABLE):
        owner.execute(blank(first))
    archiver_of(audit).archive(MONTH, tmp_path, "test")
    with pytest.raises(psycopg.errors.RaiseException, match=IMMUTABLE):
        owner.execute(blank(first))  # its declaration has no place in the log yet
    assert audit.step() is None
    for refused in (
        blank(first, MONTHS[1]),
        blank("chain = 'paper' AND seq = 3"),  # a halt keeps its payload
        blank("chain = 'paper' AND seq = 5"),  # of another month
        b"UPDATE audit_entry SET payload = '{}' WHERE chain = 'paper' AND seq = 1",
        b"UPDATE audit_entry SET actor = 'x' WHERE chain = 'paper' AND seq = 1",
        blank(first).replace(b" WHERE", b", actor = 'x' WHERE"),
        blank(first).replace(b" WHERE", b", hash = 'x' WHERE"),
        blank(first).replace(b" WHERE", b", seq = 99 WHERE"),
        b"DELETE FROM audit_entry WHERE chain = 'paper' AND seq = 1",
        b"TRUNCATE audit_entry",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match=IMMUTABLE):
            owner.execute(refused)
    assert owner.execute(blank(first)).rowcount == 1
    with pytest.raises(psycopg.errors.RaiseException, match=IMMUTABLE):
        owner.execute(b"UPDATE audit_entry SET payload = '{\"n\": 1}' WHERE " + first.encode())
    assert audit.check().faults == ()


def declare(audit: LoggedAudit, month: str, chains: dict[str, tuple[int, int]], ends: int) -> None:
    """An entry that a process could add, about an archive that there is not."""
    said = Declaration(0, month, file_of(month), "a" * 64, 0, ends, chains, "b" * 64)
    with audit.db.transaction() as session:
        now = datetime.now(UTC)
        subject, payload = subject_of(month), said.to_payload()
        append_entries(
            session, [AuditDraft("global", "audit_archived", subject, "x", payload, now)]
        )
    assert audit.step() is None


def test_a_forged_declaration_frees_no_young_entry(
    audit: LoggedAudit, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    now = datetime.now(UTC)
    month = f"{now:%Y-%m}"
    with audit.db.transaction() as session:
        ages = (timedelta(0), timedelta(days=380))
        append_entries(
            session, [AuditDraft("young", "fill", "s", "gate", {"n": 1}, now - age) for age in ages]
        )
    assert audit.step() is None
    declare(audit, month, {"young": (1, 2)}, 40)
    for seq in (1, 2):
        with pytest.raises(psycopg.errors.RaiseException, match=IMMUTABLE):
            owner.execute(blank(f"chain = 'young' AND seq = {seq}", month))


def test_what_a_forged_declaration_removed_is_found(
    audit: LoggedAudit, owner: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    """Even the owner, with an entry of a process: the digest of what is left is not the forged
    one's, the file is missing, and where acts need a login the entry does not count at all."""
    declare(audit, MONTH, {"paper": (1, 4), "global": (1, 4)}, 8)
    assert owner.execute(blank("chain = 'paper' AND seq = 1")).rowcount == 1
    told = [fault.text for fault in audit.check().faults]
    assert len(told) == 1
    assert "what is left of the entries of 2024-01 is not what was left" in told[0]
    found = [f.text for f in verified(audit, Environment.DEVELOPMENT, tmp_path).faults]
    assert any(f"{file_of(MONTH)} is missing" in text for text in found)
    found = [f.text for f in verified(audit, Environment.PRODUCTION, tmp_path).faults]
    assert any("declares an archive, and no operator has signed it" in text for text in found)
    assert any("paper: entry 1 was emptied by hand" in text for text in found)


def verified(audit: LoggedAudit, environment: Environment, directory: Path) -> Report:
    """As `mlrisk audit verify --archive` does."""
    settings = Settings(home=audit.home).model_copy(update={"environment": environment})
    with audit.db.reading() as session:
        counted = archives_that_count(session, free=environment is Environment.DEVELOPMENT)
        report = check(session, audit.evidence(), archived=counted)
        return with_archives(session, settings, report, directory)


def test_a_forged_declaration_of_more_entries_hides_none(
    audit: LoggedAudit, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    """An entry counts by its leaf, which is in the digest, and not by the places that are said."""
    declare(audit, MONTH, {"paper": (1, 99)}, 4)
    where = "chain = 'paper' AND seq = 6"
    with pytest.raises(psycopg.errors.RaiseException, match=IMMUTABLE):
        owner.execute(blank(where))
    audit.damage(blank(where).decode())
    found = [fault.text for fault in audit.check().faults]
    assert any("paper: entry 6 was emptied by hand" in text for text in found)


def test_the_first_declaration_of_a_month_counts(audit: LoggedAudit, tmp_path: Path) -> None:
    genuine = archive(audit, MONTH, tmp_path)
    declare(audit, MONTH, {"paper": (1, 99)}, 8)
    with audit.db.reading() as session:
        assert Archived(session).of(MONTH) == genuine
    assert audit.check().faults == ()


def test_a_forged_archive_is_not_taken_for_the_declared_one(
    audit: LoggedAudit, tmp_path: Path
) -> None:
    """A real file of another log, with that log's own keys."""
    other = tmp_path / "other"
    other.mkdir()
    declared = archive(audit, MONTH, tmp_path, remove=False)
    forger = LoggedAudit(audit.db, other)
    file = tmp_path / file_of(MONTH)
    whole = file.read_bytes()
    cosigned = audit.evidence().cosigned
    assert cosigned is not None
    head = Checkpoint.parse(cosigned.text)
    note = forger.signer.checkpoint(head.size, head.root)
    with audit.db.reading() as session:
        archives.write(session, file, Span(MONTH, 0, 8), note, after_each=lambda: None)
    assert file.read_bytes() != whole
    with pytest.raises(Refused, match="another file than the audit declares"):
        archiver_of(audit).remove(declared, file)
    file.write_bytes(whole)
    assert archiver_of(audit).remove(declared, file) == 6
