"""Archives one month of the audit: a verified file first, a declaring entry, and the removal last.

Each step can be killed and repeated. A payload leaves the database only when the file that has it
was read back and is the one that a witnessed entry declares. The owner of the tables removes, for
no role of a process may, and the trigger of `audit_entry` judges each row once more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot import failpoints
from bot.authority import verifying
from bot.authority.actors import Actor, Power, record, require
from bot.clock import Clock
from bot.errors import Refused
from models.archived import (
    ARCHIVED,
    MINIMUM_MONTHS,
    REMOVABLE,
    Archived,
    Declaration,
    file_of,
    is_month,
    subject_of,
)
from models.audit import GLOBAL_CHAIN
from models.database import Database
from models.locks import lock_audit_chain
from models.transparency import archives
from models.transparency.archives import Span
from models.transparency.offline_verifier import (
    Checkpoint,
    Note,
    ProofError,
    VerifierKey,
)
from models.transparency.stored import leaf_of

BATCH = 2_000
"""The leaves of one transaction of the removal: some tenths of a second."""
_REFUSED_BY_TRIGGER = "P0001"


def archives_that_count(session: Session, *, free: bool) -> Archived:
    """The declared archives: all where acts are free, elsewhere those that an operator signed."""
    if free:
        return Archived(session)
    sound: set[int] = set()
    judged = False

    def counts(declared: Declaration) -> bool:
        nonlocal judged
        if not judged:
            acts = verifying.acts(session)
            sound.update(a.seq for a in acts if _declares(a) and a.problem is None)
            judged = True
        return declared.seq in sound

    return Archived(session, counts)


def _declares(act: verifying.Act) -> bool:
    return (act.chain, act.kind) == (GLOBAL_CHAIN, ARCHIVED)


@dataclass(frozen=True, slots=True)
class Witnessing:
    """What is known of the log outside the database."""

    log: VerifierKey
    witness: VerifierKey
    cosigned: Callable[[], str | None]
    """The newest checkpoint that the witness has signed."""

    def size(self) -> int:
        """The leaves that the witness has signed. Raises ProofError."""
        note = self.cosigned()
        if note is None:
            return 0
        found = Note.parse(note)
        found.signed_by(self.log)
        found.signed_by(self.witness)
        return Checkpoint.parse(found.text).size


@dataclass(frozen=True, slots=True)
class Plan:
    """What archiving a month would do."""

    span: Span
    entries: int
    leaving: int
    """The entries whose payload may leave the database."""
    left: int
    """Those of them whose payload is still there."""
    declared: Declaration | None
    """The archive, if the month has one."""


class Archiver:
    """Archives months of one database's audit."""

    def __init__(
        self, db: Database, owner: Database, witnessing: Witnessing, clock: Clock, *, free: bool
    ) -> None:
        """`owner` is the same database with the role that owns its tables. `free` says that the
        act needs no login."""
        self._db, self._owner, self._witnessing = db, owner, witnessing
        self._clock, self._free = clock, free

    def plan(self, month: str) -> Plan:
        """What there is to do. Raises Refused for a month that can't be archived, and ProofError
        or TornLogError for a log that is not as it was written."""
        if not is_month(month):
            raise Refused(f"{month!r} is no month: write it as 2026-01", code="no_month")
        self._require_old(month, archives.after(month))
        with self._db.reading() as session:
            declared = archives_that_count(session, free=self._free).of(month)
            span = archives.span_of(session, month) if declared is None else _span(declared)
            if span.begins >= span.ends:
                raise Refused(f"no entry got its place in the log in {month}", code="empty_month")
            if span.ends > self._witnessing.size():
                raise Refused(
                    f"the witness has not signed all entries of {month}", code="not_witnessed"
                )
            found = archives.contents_of(session, span)
            if found.newest is not None:
                self._require_old(month, found.newest)
            left = session.execute(_LEFT, _bounds(span)).scalar_one()
        return Plan(span, found.entries, found.leaving, left, declared)

    def _require_old(self, month: str, newest: datetime) -> None:
        """Whole months, so that no month is archived in part."""
        allowed = archives.months_later(newest, MINIMUM_MONTHS)
        if self._clock.now() < allowed:
            raise Refused(
                f"{month} can be archived from {allowed:%Y-%m-%d} on: entries stay in the "
                f"database for {MINIMUM_MONTHS} months",
                code="too_young",
            )

    def archive(self, month: str, directory: Path, actor: Actor) -> Declaration:
        """Writes and verifies the file, and declares it in the audit; nothing is removed yet.

        A month that is declared already needs its file in the directory. Raises as `plan`, and
        NotAuthorised.
        """
        plan = self.plan(month)
        if not self._free:
            require(actor, Power.ARCHIVE_AUDIT, f"archiving the audit of {month}")
        path = directory / file_of(month)
        if plan.declared is not None:
            self.require_file(path, plan.declared)
            return plan.declared
        self._require_owner()
        said = self._written(plan.span, path)
        failpoints.hit(failpoints.AFTER_ARCHIVE)
        found = self._declared(said, actor)
        failpoints.hit(failpoints.AFTER_ARCHIVE_ENTRY)
        self.require_file(path, found)
        return found

    def require_file(self, path: Path, declared: Declaration) -> None:
        """Raises Refused unless the file is whole and the one that the audit declares."""
        try:
            archives.require_declared(path, declared)
        except FileNotFoundError:
            raise Refused(
                f"{declared.month} is archived, and {path} is missing", code="archive_missing"
            ) from None
        except ProofError as error:
            raise Refused(f"{path}: {error}", code="archive_damaged") from None

    def _require_owner(self) -> None:
        with self._owner.reading() as session:
            may = session.scalar(text("SELECT has_table_privilege('audit_entry', 'UPDATE')"))
        if not may:
            raise Refused(
                "only the owner of the tables may take payloads away: give its address as "
                "MLRISK_OWNER_DATABASE_URL",
                code="not_the_owner",
            )

    def _written(self, span: Span, path: Path) -> Declaration:
        """Writes the file unless a run that was killed has left it, reads it back, and verifies it
        as a third party does; what the audit is to say about it."""
        if not path.exists():
            note = self._witnessing.cosigned()
            if note is None:
                raise Refused("the witness has signed nothing", code="not_witnessed")
            with self._db.reading() as session:
                archives.write(session, path, span, note, after_each=_in_archive)
        try:
            found = archives.verified(path, self._witnessing.log, self._witnessing.witness)
        except ProofError as error:
            raise Refused(f"{path} is no sound archive: {error}", code="archive_damaged") from None
        if _span(found) != span:
            raise Refused(f"{path} is the archive of other entries", code="archive_of_others")
        return found

    def _declared(self, said: Declaration, actor: Actor) -> Declaration:
        """The entry that declares the archive; one that came first counts."""
        with self._db.unit_of_work() as uow:
            lock_audit_chain(uow.session, GLOBAL_CHAIN)
            if archives_that_count(uow.session, free=self._free).of(said.month) is None:
                now = self._clock.now()
                subject = subject_of(said.month)
                record(uow, GLOBAL_CHAIN, ARCHIVED, subject, actor, said.to_payload(), now)
                uow.commit()
        with self._db.reading() as session:
            found = archives_that_count(session, free=self._free).of(said.month)
        if found is None:
            raise Refused("the archive is declared by nobody who may", code="not_declared")
        return found

    def is_witnessed(self, declared: Declaration) -> bool:
        """Whether the witness has signed the declaring entry. Raises ProofError."""
        size = self._witnessing.size()
        with self._db.reading() as session:
            leaf = leaf_of(session, GLOBAL_CHAIN, declared.seq)
        return leaf is not None and leaf < size

    def remove(self, declared: Declaration, path: Path) -> int:
        """Takes the archived payloads out of the database; returns how many.

        The file is read once more. Raises Refused, and nothing is removed then but what another
        run has removed.
        """
        self.require_file(path, declared)
        if not self.is_witnessed(declared):
            raise Refused(
                "the witness has not signed the entry that declares the archive",
                code="not_witnessed",
            )
        span, removed = _span(declared), 0
        try:
            for begin in range(span.begins, span.ends, BATCH):
                with self._owner.transaction() as session:
                    end = min(span.ends, begin + BATCH)
                    removed += take_away(session, declared.month, begin, end)
                    failpoints.hit(failpoints.BEFORE_REMOVAL_COMMIT)
                failpoints.hit(failpoints.AFTER_REMOVAL_COMMIT)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _REFUSED_BY_TRIGGER:
                raise
            raise Refused(
                f"the database keeps the payloads of {declared.month}: an entry is younger than "
                f"{MINIMUM_MONTHS} months by the database's clock, or the declaration is not sound",
                code="refused_by_trigger",
            ) from None
        return removed


def take_away(session: Session, month: str, begin: int, end: int) -> int:
    """Takes the payloads of some leaves of an archived month out of the database; returns how
    many. The role must own the tables."""
    bounds = _bounds(Span(month, begin, end))
    return len(session.execute(_REMOVE, bounds).all())


def _in_archive() -> None:
    failpoints.hit(failpoints.IN_ARCHIVE)


def _span(declared: Declaration) -> Span:
    return Span(declared.month, declared.begins, declared.ends)


def _bounds(span: Span) -> dict[str, object]:
    return {
        "month": span.month,
        "begin": span.begins,
        "end": span.ends,
        "kinds": list(REMOVABLE),
    }


_STILL_THERE = """
   WHERE leaf.leaf >= :begin AND leaf.leaf < :end
     AND entry.chain = leaf.chain AND entry.seq = leaf.seq
     AND entry.kind = ANY(CAST(:kinds AS text[])) AND entry.actor NOT LIKE 'operator:%'
     AND entry.payload <> jsonb_build_object('archived', CAST(:month AS text))
"""
_REMOVE = text(
    "UPDATE audit_entry AS entry"
    " SET payload = jsonb_build_object('archived', CAST(:month AS text)) FROM audit_leaf AS leaf"
    f" {_STILL_THERE} RETURNING entry.seq"
)
_LEFT = text(f"SELECT count(*) FROM audit_entry AS entry, audit_leaf AS leaf {_STILL_THERE}")
