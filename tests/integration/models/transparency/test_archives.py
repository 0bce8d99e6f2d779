"""Where payloads are in archives, every damage to what is left is still found."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.safety.audit.archiving import take_away
from models.archived import Archived
from models.audit import Link, heads, verify_chain
from models.audit_progress import verify_on
from models.database import Database
from models.transparency.checking import check
from models.transparency.differences import Damage
from tests.support.audit.archives import KINDS, MONTHS, archive, write_months
from tests.support.audit.log import CHAINS, IMMUTABLE, LoggedAudit
from tests.support.fakes import T0
from tests.support.properties import examples
from tests.support.services import PostgresServer

pytestmark = pytest.mark.services
OF_MONTH = len(KINDS)
LAST = OF_MONTH * len(MONTHS)


@pytest.fixture(scope="module")
def audit(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoggedAudit]:
    """Three old months, archived and declared; every payload is still in the database."""
    url = postgres.create_database(template=postgres.migrated_template())
    db = Database(url)
    made = LoggedAudit(db, tmp_path_factory.mktemp("audit"))
    write_months(made)
    for month in MONTHS:
        archive(made, month, made.home, remove=False)
    yield made
    db.dispose()
    postgres.drop_database(url)


def remove(session: Session, months: set[str]) -> None:
    for declared in Archived(session).all:
        if declared.month in months:
            assert take_away(session, declared.month, declared.begins, declared.ends) == 6


def spread(chain: str) -> str:
    return f"UPDATE audit_entry SET seq = seq * 100 WHERE chain = '{chain}'"


def attack(damage: Damage, chain: str, seq: int, column: str) -> list[str]:
    at = f"WHERE chain = '{chain}' AND seq"
    values = {
        "at": "at + interval '1 second'",
        "payload": "'{}'",
        "hash": "repeat('0', 64)",
        # The first entry follows sixty-four zeros.
        "prev_hash": "repeat('1', 64)",
    }
    value = values.get(column, f"{column} || 'x'")
    return {
        Damage.CHANGED: [f"UPDATE audit_entry SET {column} = {value} {at} = {seq}"],
        Damage.DELETED: [f"DELETE FROM audit_entry {at} = {seq}"],
        Damage.INSERTED: [
            spread(chain),
            "INSERT INTO audit_entry (chain, seq, at, kind, subject, actor, payload, prev_hash,"
            " hash) SELECT chain, seq + 50, at, kind, 'new', actor, payload, prev_hash, hash"
            f" FROM audit_entry {at} = {seq * 100}",
        ],
        Damage.REORDERED: [
            spread(chain),
            f"UPDATE audit_entry SET seq = {seq * 100 + 150} {at} = {seq * 100}",
        ],
        Damage.TRUNCATED: [
            f"DELETE FROM audit_entry {at} >= {seq}",
            f"UPDATE audit_chain_head SET seq = {seq - 1} WHERE chain = '{chain}'",
        ],
    }[damage]


COLUMNS = ("at", "kind", "subject", "actor", "payload", "hash", "prev_hash")


@given(
    st.sets(st.sampled_from(MONTHS)),
    st.sampled_from(Damage),
    st.sampled_from(CHAINS),
    st.integers(1, LAST),
    st.sampled_from(COLUMNS),
)
@settings(max_examples=examples(100))
def test_every_damage_is_found_whatever_months_are_archived(
    audit: LoggedAudit, months: set[str], damage: Damage, chain: str, seq: int, column: str
) -> None:
    """All in one transaction that is taken back."""
    with Session(audit.db.engine) as session:
        remove(session, months)
        report = check(session, audit.evidence())
        assert (report.faults, report.archived) == ((), 6 * len(months))
        for table in IMMUTABLE:
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for statement in attack(damage, chain, seq, column):
            session.execute(text(statement))
        faults = check(session, audit.evidence()).faults
        assert faults
        if damage in (Damage.DELETED, Damage.TRUNCATED):
            assert (chain, seq) in {(f.chain, f.seq) for f in faults}
            # The other chain ends with the declarations, which a cut takes away as well.
            if chain == "paper":
                ends = damage is Damage.TRUNCATED or seq == LAST
                assert {f.kind for f in faults if f.seq == seq} == {
                    Damage.TRUNCATED if ends else Damage.DELETED
                }
        session.rollback()


@pytest.mark.parametrize("months", [set(), {MONTHS[1]}, set(MONTHS)])
def test_chains_and_their_heads_verify_across_the_gap(audit: LoggedAudit, months: set[str]) -> None:
    with Session(audit.db.engine) as session:
        before = heads(session)
        remove(session, months)
        assert heads(session) == before
        assert before["paper"] == Link(LAST, before["paper"].hash)
        for chain in CHAINS:
            report = verify_chain(session, chain)
            assert (report.problems, report.head) == ((), before[chain].hash)
        assert [found.problems for found in verify_on(session, T0, piece=3)] == [(), ()]
        session.rollback()


@pytest.mark.parametrize("payload", ["'{}'", '\'{"archived": "2024-02"}\''])
def test_emptying_by_hand_is_named_as_such(audit: LoggedAudit, payload: str) -> None:
    """Though the other month is archived, this one's archive counts for its own entries alone."""
    with Session(audit.db.engine) as session:
        remove(session, {"2024-01"})
        session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        where = "WHERE chain = 'paper' AND seq = 10"
        session.execute(text(f"UPDATE audit_entry SET payload = {payload} {where}"))
        (fault,) = check(session, audit.evidence()).faults
        assert (fault.kind, fault.chain, fault.seq) == (Damage.CHANGED, "paper", 10)
        assert "paper: entry 10 was emptied by hand" in fault.text
        (problem,) = verify_chain(session, "paper").problems
        assert "paper: entry 10 was emptied by hand" in problem
        session.rollback()


def test_what_may_not_leave_is_named_although_its_month_is_archived(audit: LoggedAudit) -> None:
    with Session(audit.db.engine) as session:
        remove(session, set(MONTHS))
        session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        mark = "jsonb_build_object('archived', '2024-01')"
        where = "WHERE chain = 'paper' AND seq = 3"
        session.execute(text(f"UPDATE audit_entry SET payload = {mark} {where}"))
        (fault,) = check(session, audit.evidence()).faults
        assert "paper: entry 3 was emptied by hand" in fault.text
        session.rollback()


def test_an_incremental_verification_reads_what_follows(audit: LoggedAudit, tmp_path: Path) -> None:
    with Session(audit.db.engine) as session:
        remove(session, {MONTHS[0]})
        head = check(session, audit.evidence()).head
        report = check(session, audit.evidence(), head)
        assert (report.faults, report.entries, report.archived) == ((), 0, 0)
        session.rollback()
