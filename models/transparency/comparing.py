"""Compares archives of the audit with their declarations, and with what is left in the database."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from models.archived import Archived, Declaration, may_leave, month_in
from models.audit import content
from models.transparency.archives import PAGE, ROWS_OF_LEAVES
from models.transparency.differences import Damage
from models.transparency.naming import Fault
from models.transparency.offline_verifier import (
    ArchivedEntry,
    ProofError,
    leaf_hash,
    read_archive,
)


def faults_of(session: Session, archived: Archived, directory: Path) -> Iterator[Fault]:
    """Each declared archive that the directory lacks or has otherwise, and each entry of which
    something else is left in the database than its archive has."""
    for declared in archived.all:
        path = directory / declared.file
        compared = _Compared(session, declared)
        try:
            sha256 = read_archive(path, compared.take).sha256
        except FileNotFoundError:
            yield _of_file(declared, f"{path} is missing")
            continue
        except (OSError, ProofError) as error:
            yield _of_file(declared, f"{path}: {error}")
            continue
        if sha256 != declared.sha256:
            yield _of_file(declared, f"{path} is another file than the audit declares")
            continue
        yield from compared.faults()


def _of_file(declared: Declaration, said: str) -> Fault:
    return Fault("archive", None, None, None, f"the archive of {declared.month}: {said}")


class _Compared:
    """Compares the entries of an archive with what is left of them, page by page."""

    def __init__(self, session: Session, declared: Declaration) -> None:
        self._session, self._declared = session, declared
        self._page: list[ArchivedEntry] = []
        self._found: list[Fault] = []

    def take(self, entry: ArchivedEntry) -> None:
        """Takes the next entry of the file."""
        self._page.append(entry)
        if len(self._page) >= PAGE:
            self._compare()

    def faults(self) -> list[Fault]:
        """The entries that differ."""
        self._compare()
        return self._found

    def _compare(self) -> None:
        page, self._page = self._page, []
        if not page:
            return
        bounds = {"begin": page[0].index, "end": page[-1].index + 1}
        rows = {row.leaf: row for row in self._session.execute(ROWS_OF_LEAVES, bounds)}
        for entry in page:
            row = rows.get(entry.index)
            if row is None or row.hash is None:
                self._tell(entry, Damage.DELETED, "is gone, and its archive has it")
            elif not _agree(entry, row):
                self._tell(entry, Damage.CHANGED, "is not as its archive has it")

    def _tell(self, entry: ArchivedEntry, damage: Damage, said: str) -> None:
        chain = str(json.loads(entry.leaf)[0])
        text = f"{chain}: entry {entry.seq} {said}"
        self._found.append(Fault(damage, chain, entry.seq, entry.index, text))


def _agree(entry: ArchivedEntry, row: Any) -> bool:
    """Whether the database says the same about an entry, its payload apart if that is archived."""
    payload = json.loads(row.payload)
    if month_in(payload) is not None and may_leave(row.kind, row.actor):
        payload = entry.fields()["payload"]
    leaf = content(row.chain, row.at, row.kind, row.subject, row.actor, payload)
    return (leaf, row.seq, row.prev_hash, row.hash) == (
        entry.leaf,
        entry.seq,
        entry.prev_hash,
        entry.hash,
    ) and leaf_hash(leaf.encode()) == row.leaf_hash
