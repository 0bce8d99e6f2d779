"""Archives of the audit: one file for the entries that got their places in the log in one month.

A file has every leaf from the month's first to its last one, and the few hashes around them that
lead to the root of a cosigned checkpoint. `models.transparency.offline_verifier` reads it without a
database.
"""

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.archived import Declaration, file_of, may_leave
from models.audit import content
from models.tables import AuditTreeRow
from models.transparency.merkle import Nodes
from models.transparency.offline_verifier import (
    ARCHIVE_FORMAT,
    Archive,
    ArchivedEntry,
    Checkpoint,
    Note,
    ProofError,
    VerifierKey,
    leaf_hash,
    read_archive,
    require_archive,
    spans,
)
from models.transparency.stored import StoredNodes, TornLogError

PAGE = 2_000
"""The entries that are read at once."""


@dataclass(frozen=True, slots=True)
class Span:
    """The leaves of one month: from `begins` to before `ends`."""

    month: str
    begins: int
    ends: int


def after(month: str) -> datetime:
    """The first moment after a month."""
    year, number = (int(part) for part in month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def months_later(at: datetime, months: int) -> datetime:
    """The first beginning of a month that is at least so many months later."""
    at = at.astimezone(UTC)
    begins = datetime(at.year, at.month, 1, tzinfo=UTC)
    count = at.year * 12 + at.month - 1 + months + (at > begins)
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)


def span_of(session: Session, month: str) -> Span:
    """The leaves that a month's signed heads added to the log."""
    year, number = (int(part) for part in month.split("-"))
    begin = datetime(year, number, 1, tzinfo=UTC)
    sizes = [
        session.scalar(select(func.max(AuditTreeRow.size)).where(AuditTreeRow.at < moment)) or 0
        for moment in (begin, after(month))
    ]
    return Span(month, *sizes)


class Rest:
    """The digest of what stays of archived entries in the database, in the order of the log."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def take(self, row: Any) -> None:
        """Adds an entry; `row` has its fields and hashes by name."""
        moment = row.at.astimezone(UTC).isoformat(timespec="microseconds")
        names = (row.kind, row.subject, row.actor, row.prev_hash, row.hash)
        line = json.dumps([row.leaf, row.chain, row.seq, moment, *names], separators=(",", ":"))
        self._digest.update(line.encode() + b"\n")

    def hexdigest(self) -> str:
        """The digest of all that was taken."""
        return self._digest.hexdigest()


@dataclass
class Contents:
    """What a span or an archive has, as it is found entry by entry."""

    entries: int = 0
    leaving: int = 0
    """The entries whose payload may leave the database."""
    newest: datetime | None = None
    """The newest time of an entry."""
    chains: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The first and the last place in each chain."""
    rest: Rest = field(default_factory=Rest)

    def take(self, row: Any) -> None:
        """Counts an entry."""
        self.entries += 1
        self.leaving += may_leave(row.kind, row.actor)
        self.newest = row.at if self.newest is None else max(self.newest, row.at)
        first, _ = self.chains.get(row.chain, (row.seq, row.seq))
        self.chains[row.chain] = (first, row.seq)
        self.rest.take(row)

    def take_from_file(self, entry: ArchivedEntry) -> None:
        """Counts an entry of an archive."""
        said = entry.fields()
        self.take(
            _Archived(
                entry.index,
                said["chain"],
                entry.seq,
                datetime.fromisoformat(said["at"]),
                *(said["kind"], said["subject"], said["actor"]),
                *(entry.prev_hash, entry.hash),
            )
        )

    def declared(self, archive: Archive) -> Declaration:
        """What the audit is to say about an archive with these contents."""
        return Declaration(
            0,
            archive.month,
            file_of(archive.month),
            archive.sha256,
            archive.begins,
            archive.ends,
            self.chains,
            self.rest.hexdigest(),
        )


@dataclass(frozen=True, slots=True)
class _Archived:
    """An entry of an archive, as `ROWS_OF_LEAVES` has one of the database."""

    leaf: int
    chain: str
    seq: int
    at: datetime
    kind: str
    subject: str
    actor: str
    prev_hash: str
    hash: str


def rows_of(session: Session, begins: int, ends: int) -> Iterator[Any]:
    """Each leaf of a span with its entry, in the order of the log. Raises TornLogError where one
    is missing."""
    place = begins
    while place < ends:
        bounds = {"begin": place, "end": min(ends, place + PAGE)}
        for row in session.execute(ROWS_OF_LEAVES, bounds):
            if row.leaf != place or row.hash is None:
                raise TornLogError(f"leaf {place} or its entry is missing")
            yield row
            place += 1
        if place < bounds["end"]:
            raise TornLogError(f"leaf {place} or its entry is missing")


ROWS_OF_LEAVES = text(
    """
    SELECT leaf.leaf, leaf.chain, leaf.seq, leaf.hash AS leaf_hash, entry.at, entry.kind,
           entry.subject, entry.actor, CAST(entry.payload AS text) AS payload, entry.prev_hash,
           entry.hash
      FROM audit_leaf leaf
      LEFT JOIN audit_entry entry ON entry.chain = leaf.chain AND entry.seq = leaf.seq
     WHERE leaf.leaf >= :begin AND leaf.leaf < :end ORDER BY leaf.leaf
    """
)


def contents_of(session: Session, span: Span) -> Contents:
    """What the archive of a span would have. Raises TornLogError."""
    found = Contents()
    for row in rows_of(session, span.begins, span.ends):
        found.take(row)
    return found


def write(
    session: Session, path: Path, span: Span, note: str, *, after_each: Callable[[], None]
) -> None:
    """Writes the archive of a span under a cosigned checkpoint, whole or not at all.

    Raises TornLogError for an entry that is not as its leaf says, and OSError.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
            # Without a time or a name in it, so that the same entries make the same file.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as stream:
                rows = rows_of(session, span.begins, span.ends)
                for line in lines_of(rows, StoredNodes(session), span, note):
                    stream.write(line)
                    after_each()
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def lines_of(rows: Iterable[Any], nodes: Nodes, span: Span, note: str) -> Iterator[bytes]:
    """The lines of an archive: its head, and one for each entry. Raises TornLogError for an entry
    that is not as its leaf says."""
    size = Checkpoint.parse(Note.parse(note).text).size
    head = {
        "format": ARCHIVE_FORMAT,
        "month": span.month,
        "begins": span.begins,
        "ends": span.ends,
        "checkpoint": note,
        "before": _roots(nodes, 0, span.begins),
        "after": _roots(nodes, span.ends, size),
    }
    yield _line(head)
    for row in rows:
        leaf = _leaf(row)
        if leaf_hash(leaf.encode()) != row.leaf_hash:
            raise TornLogError(f"{row.chain}: entry {row.seq} is not as it was written")
        said = {"seq": row.seq, "prev_hash": row.prev_hash, "hash": row.hash, "leaf": leaf}
        yield _line(said)


def _leaf(row: Any) -> str:
    payload = json.loads(row.payload)
    return content(row.chain, row.at, row.kind, row.subject, row.actor, payload)


def _roots(nodes: Nodes, begin: int, end: int) -> list[str]:
    return [base64.b64encode(nodes.node(*place)).decode() for place in spans(begin, end)]


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _sync(directory: Path) -> None:
    """Makes a new name durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def verified(path: Path, log: VerifierKey, witness: VerifierKey) -> Declaration:
    """Verifies a file as a third party does; what the audit is to say about it. Raises ProofError
    and OSError."""
    found = Contents()
    archive, _ = require_archive(path, log, witness, found.take_from_file)
    return found.declared(archive)


def require_declared(path: Path, declared: Declaration) -> None:
    """Raises ProofError unless the file is whole and the one that the audit declares, and
    OSError."""
    if read_archive(path).sha256 != declared.sha256:
        raise ProofError(f"{path} is another file than the audit declares for {declared.month}")


def leaves_in(
    path: Path, declared: Declaration, wanted: set[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    """The leaves of some entries, by chain and place, from a declared archive. Raises ProofError
    and OSError."""
    found: dict[tuple[str, int], str] = {}

    def take(entry: ArchivedEntry) -> None:
        place = (str(json.loads(entry.leaf)[0]), entry.seq)
        if place in wanted:
            found[place] = entry.leaf

    if read_archive(path, take).sha256 != declared.sha256:
        raise ProofError(f"{path} is another file than the audit declares for {declared.month}")
    return found
