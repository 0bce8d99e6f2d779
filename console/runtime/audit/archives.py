"""Archives of the audit for people: making one, and reading payloads that are in one."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from bot.authority.actors import is_free
from bot.clock import SystemClock
from bot.safety.audit.archiving import Archiver, Plan, Witnessing, archives_that_count
from config.settings import Settings
from console.context import acting
from console.errors import CommandError
from console.runtime.audit.log import keys_of, leaf_in_database
from console.runtime.authority import with_authority
from models.archived import Archived, Declaration
from models.database import Database
from models.tables import AuditRow
from models.transparency import archives
from models.transparency.checking import Report
from models.transparency.comparing import faults_of
from models.transparency.naming import Fault
from models.transparency.offline_verifier import ProofError, VerifierKey
from models.transparency.submission import read
from tasks.bootstrap import audit_directories
from workers.home import Home
from workers.supervision.programs.logins import owner_address

WITNESS_SECONDS = 30.0
"""How long the command waits for the witness, which signs within seconds of an entry."""
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Login:
    """The login that was given for an act."""

    operator: str | None
    file: Path | None


@contextmanager
def archiver_of(settings: Settings) -> Iterator[tuple[Database, Archiver]]:
    """What archives the audit of this system. Raises CommandError."""
    keys = keys_of(settings)
    if keys.log is None or keys.witness is None:
        raise CommandError("the witness has signed nothing yet: it runs in the watchdog's process")
    _, directory = audit_directories(settings)
    try:
        log, witness = VerifierKey.parse(keys.log), VerifierKey.parse(keys.witness)
        witnessing = Witnessing(log, witness, lambda: read(directory.cosigned))
        with acting(settings) as db:
            owner = Database(_owner(settings), pool_size=1)
            try:
                yield db, Archiver(db, owner, witnessing, SystemClock(), free=is_free(settings))
            finally:
                owner.dispose()
    except ProofError as error:
        raise CommandError(f"the audit log is not as it was written: {error}") from None


def _owner(settings: Settings) -> str:
    """The address with the role that owns the tables: the one that is named, or the home's own."""
    if settings.owner_database_url is not None:
        return settings.owner_database_url.get_secret_value()
    address = settings.require_database_url()
    return owner_address(Home(settings.home), address) or address


def archive(
    settings: Settings, month: str, directory: Path, login: Login
) -> tuple[Plan, Declaration, int]:
    """Archives a month: the file, its entry, and the removal once the witness has signed that.
    Returns the plan, what was declared, and how many payloads went. Raises CommandError."""
    with archiver_of(settings) as (db, archiver):
        plan = archiver.plan(month)
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            declared = with_authority(
                db,
                lambda actor: archiver.archive(month, directory, actor),
                operator=login.operator,
                login_file=login.file,
            )
            _wait(archiver, declared)
            return plan, declared, archiver.remove(declared, directory / declared.file)
        except OSError as error:
            raise CommandError(f"the archive can't be written or read: {error}") from None


def _wait(archiver: Archiver, declared: Declaration) -> None:
    """Returns when the witness has signed the declaring entry."""
    deadline = time.monotonic() + WITNESS_SECONDS
    while not archiver.is_witnessed(declared):
        if time.monotonic() > deadline:
            raise CommandError(
                f"{declared.file} is written and declared, and nothing is removed: the witness has "
                "not signed the declaring entry. Repeat the command while the system runs"
            )
        time.sleep(_LOOK_SECONDS)


class ArchivedPayloads:
    """The payloads of entries that are in archives, from a directory of them if one is given."""

    def __init__(self, session: Session, settings: Settings, directory: Path | None) -> None:
        self._archived = archives_that_count(session, free=is_free(settings))
        self._directory = directory

    def archive_of(self, row: AuditRow) -> Declaration | None:
        """The archive that has an entry's payload; None for one that is in the database."""
        place = (row.chain, row.seq)
        return self._archived.declared_for(place, row.kind, row.actor, row.payload)

    def leaf(self, row: AuditRow) -> str:
        """The leaf of an entry, wherever its payload is. Raises CommandError."""
        declared = self.archive_of(row)
        if declared is None:
            return leaf_in_database(row)
        if self._directory is None:
            raise CommandError(
                f"the payload of this entry is in {declared.file}, sha256 {declared.sha256}: give "
                "its directory with --archive"
            )
        return self.leaves([row])[row.chain, row.seq]

    def leaves(self, rows: Iterable[AuditRow]) -> dict[tuple[str, int], str]:
        """The leaves of those entries whose payload is in an archive. Raises CommandError for an
        archive that is missing or not the declared one. Empty without a directory."""
        wanted: dict[str, tuple[Declaration, set[tuple[str, int]]]] = {}
        for row in rows:
            if self._directory is None or (declared := self.archive_of(row)) is None:
                continue
            places = wanted.setdefault(declared.month, (declared, set()))[1]
            places.add((row.chain, row.seq))
        found: dict[tuple[str, int], str] = {}
        for declared, places in wanted.values():
            found |= self._read(declared, places)
        return found

    def _read(
        self, declared: Declaration, places: set[tuple[str, int]]
    ) -> dict[tuple[str, int], str]:
        assert self._directory is not None
        path = self._directory / declared.file
        try:
            return archives.leaves_in(path, declared, places)
        except (OSError, ProofError) as error:
            raise CommandError(f"the archive can't be read: {error}") from None


def place_in(declared: Declaration) -> dict[str, Any]:
    """How an answer names an archive."""
    return {"month": declared.month, "file": declared.file, "sha256": declared.sha256}


def payload_in(leaf: str) -> Any:
    """The payload of an entry by its leaf."""
    return json.loads(leaf)[-1]


def with_archives(
    session: Session, settings: Settings, report: Report, directory: Path | None
) -> Report:
    """A verification with the faults of archives: those that nobody may declare, and, if their
    directory is given, those that are missing or other than they were."""
    counted = archives_that_count(session, free=is_free(settings))
    faults = [*report.faults, *_unsigned(session, counted)]
    if directory is not None:
        faults += faults_of(session, counted, directory)
    return replace(report, faults=tuple(faults))


def _unsigned(session: Session, counted: Archived) -> Iterator[Fault]:
    sound = {each.month for each in counted.all}
    for each in Archived(session).all:
        if each.month not in sound:
            said = f"global: entry {each.seq} declares an archive, and no operator has signed it"
            yield Fault("unsigned", "global", each.seq, None, said)
