"""The audit chain: immutable records, each bound to the one before it by SHA-256.

h_t = SHA-256(h_{t-1} || canonical(record)), after Haber and Stornetta (1991). One chain per
account and one named `global`; within a chain `seq` counts from 1 without gaps.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self

from sqlalchemy import Select, Text, cast, func, select, text
from sqlalchemy.orm import Session

from models.archived import Archived, Declaration, month_in
from models.locks import lock_audit_chain
from models.tables import AuditHeadRow, AuditRow

GENESIS = "0" * 64
GLOBAL_CHAIN = "global"
EMPTIED = "was emptied by hand: no archive that counts has its payload"
_PAGE = 5_000
"""Entries that are read at once."""


@dataclass(frozen=True, slots=True)
class AuditDraft:
    """An entry that has no place in its chain yet."""

    chain: str
    kind: str
    subject: str
    actor: str
    payload: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of verifying a chain; `problems` is empty when it holds."""

    chain: str
    entries: int
    head: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """An entry's place in its chain and its hash; (0, GENESIS) is before the first."""

    seq: int
    hash: str


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_quoted = json.encoder.encode_basestring_ascii


def content_of(draft: AuditDraft) -> str:
    """An entry without its place, in canonical JSON. It is the entry's leaf in the audit log."""
    return content(draft.chain, draft.at, draft.kind, draft.subject, draft.actor, draft.payload)


def content(
    chain: str, at: datetime, kind: str, subject: str, actor: str, payload: dict[str, Any]
) -> str:
    """The canonical JSON of an entry's fields; the time counts as UTC microseconds."""
    parts = (_moment(at), *map(_quoted, (kind, subject, actor)), _canonical(payload))
    return _joined(chain, parts)


def _joined(chain: str, parts: Iterable[str]) -> str:
    """The content out of its parts, each of which is JSON already."""
    return f"{_begin(chain)}{','.join(parts)}]"


def _moment(at: datetime) -> str:
    return f'"{at.astimezone(UTC).isoformat(timespec="microseconds")}"'


def entry_hash(prev_hash: str, seq: int, draft: AuditDraft) -> str:
    """The hash of an entry, which binds it to its place and to the entry before it."""
    return chained_hash(prev_hash, seq, draft.chain, content_of(draft))


def chained_hash(prev_hash: str, seq: int, chain: str, content: str) -> str:
    """The hash of an entry with this content (`content_of`): its place stands behind the chain's
    name."""
    begins = _begin(chain)
    canonical = f"{prev_hash}{begins}{seq},{content[len(begins) :]}"
    return hashlib.sha256(canonical.encode()).hexdigest()


@lru_cache(maxsize=64)
def _begin(chain: str) -> str:
    return f"[{_canonical(chain)},"


def append_entries(session: Session, drafts: Sequence[AuditDraft]) -> None:
    """Appends drafts to their chains, in order; the chain's lock is held until the commit.

    All entries of a chain are one statement, so that the trigger which moves the chain's head
    works once and not once an entry.
    """
    for chain in sorted({draft.chain for draft in drafts}):
        own = [_Prepared.of(draft) for draft in drafts if draft.chain == chain]
        last = Link(*(lock_audit_chain(session, chain) or (0, GENESIS)))
        session.execute(_APPEND, {"chain": chain, "entries": _rows(chain, last, own)})


_APPEND = text(
    "INSERT INTO audit_entry (chain, seq, at, kind, subject, actor, payload, prev_hash, hash)"
    " SELECT :chain, entry.seq, entry.at, entry.kind, entry.subject, entry.actor, entry.payload,"
    " entry.prev_hash, entry.hash FROM jsonb_to_recordset(CAST(:entries AS jsonb)) AS entry"
    " (seq bigint, at timestamptz, kind text, subject text, actor text, payload jsonb,"
    " prev_hash text, hash text)"
)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is made of a draft before its chain is locked."""

    content: str
    row: str
    """The columns that have nothing to do with its place, as the inside of a JSON object."""

    @classmethod
    def of(cls, draft: AuditDraft) -> Self:
        moment, payload = _moment(draft.at), _canonical(draft.payload)
        kind, subject, actor = map(_quoted, (draft.kind, draft.subject, draft.actor))
        return cls(
            _joined(draft.chain, (moment, kind, subject, actor, payload)),
            f'"at":{moment},"kind":{kind},"subject":{subject},"actor":{actor},"payload":{payload}',
        )


def _rows(chain: str, last: Link, entries: Sequence[_Prepared]) -> str:
    """The rows of entries that follow `last` in their chain, as a JSON list."""
    rows, prev_hash = [], last.hash
    for seq, entry in enumerate(entries, last.seq + 1):
        hashed = chained_hash(prev_hash, seq, chain, entry.content)
        rows.append(f'{{"seq":{seq},{entry.row},"prev_hash":"{prev_hash}","hash":"{hashed}"}}')
        prev_hash = hashed
    return f"[{','.join(rows)}]"


def chains(session: Session) -> list[str]:
    """Names of all chains. The index is read once per chain, not once per entry."""
    return list(session.scalars(_CHAINS))


_CHAINS = text(
    """
    WITH RECURSIVE found AS (
        (SELECT chain FROM audit_entry ORDER BY chain LIMIT 1)
        UNION ALL
        SELECT (SELECT chain FROM audit_entry AS next WHERE next.chain > found.chain
                ORDER BY chain LIMIT 1)
        FROM found WHERE found.chain IS NOT NULL
    )
    SELECT chain FROM found WHERE chain IS NOT NULL
    """
)


def heads(session: Session) -> dict[str, Link]:
    """The head of each chain by its own row; a missing chain still has one."""
    return {row.chain: Link(row.seq, row.hash) for row in session.scalars(select(AuditHeadRow))}


def all_chains(session: Session) -> list[str]:
    """Names of all chains that there are or were."""
    return sorted({*chains(session), *heads(session)})


def verify_chain(session: Session, chain: str) -> AuditReport:
    """Recomputes a whole chain from its first entry, and looks for its end."""
    ends = problems_of_end(session, chain)
    entries = _all_links(session, chain)
    last, problems = problems_of(chain, Link(0, GENESIS), entries, Archived(session))
    problems += ends
    return AuditReport(chain, last.seq, last.hash, tuple(problems))


def problems_of_end(session: Session, chain: str) -> list[str]:
    """The faults between a chain's newest entry and its head."""
    # In this order, because entries between the two readings only move the head.
    newest = session.execute(_newest(chain)).first()
    row = session.get(AuditHeadRow, chain, populate_existing=True)
    ends = 0 if newest is None else newest.seq
    if row is None or row.seq < ends:
        said = "is gone" if row is None else f"says {row.seq}"
        return [] if newest is None else [f"{chain}: ends with entry {ends}, and its head {said}"]
    hashed = session.scalar(
        select(AuditRow.hash).where(AuditRow.chain == chain, AuditRow.seq == row.seq)
    )
    if newest is None:
        return [f"{chain}: the whole chain is gone; its head says {row.seq}"]
    if hashed is None:
        return [f"{chain}: its end is gone; it ends with entry {ends}, and its head says {row.seq}"]
    if hashed != row.hash:
        return [f"{chain}: entry {row.seq} is not the one that its head names"]
    return []


def _newest(chain: str) -> Select[int, str]:
    return (
        select(AuditRow.seq, AuditRow.hash)
        .where(AuditRow.chain == chain)
        .order_by(AuditRow.seq.desc())
        .limit(1)
    )


Stored = tuple[int, AuditDraft, str, str]
"""An entry as it is stored: its place, its content, the hash before it and its own."""


def problems_of(
    chain: str, last: Link, entries: Iterable[Stored], archived: Archived
) -> tuple[Link, list[str]]:
    """The last of `entries`, which follow `last`, and their faults.

    Of an entry whose payload is in an archive the place between its neighbours is verified.
    """
    problems: list[str] = []
    seq, hashed = last.seq, last.hash
    for place, draft, prev_hash, own_hash in entries:
        seq += 1
        if place != seq:
            problems.append(f"{chain}: entry {seq} is missing before entry {place}")
            seq = place
        if prev_hash != hashed:
            problems.append(f"{chain}: entry {place} does not follow the entry before it")
        is_whole = entry_hash(prev_hash, place, draft) == own_hash
        if not is_whole and archive_of(archived, place, draft) is None:
            problems.append(f"{chain}: entry {place} {_changed(draft)}")
        hashed = own_hash
    return Link(seq, hashed), problems


def archive_of(archived: Archived, seq: int, draft: AuditDraft) -> Declaration | None:
    """The archive that has the payload of this entry."""
    return archived.declared_for((draft.chain, seq), draft.kind, draft.actor, draft.payload)


def looks_emptied(draft: AuditDraft) -> bool:
    """Whether an entry that is not as it was written has nothing left in its payload."""
    return not draft.payload or month_in(draft.payload) is not None


def _changed(draft: AuditDraft) -> str:
    if looks_emptied(draft):
        return EMPTIED
    return "was changed after it was written"


def links(session: Session, chain: str, *, after: int, limit: int) -> Iterator[Stored]:
    """At most `limit` entries after a place, in order."""
    rows = session.execute(
        select(
            AuditRow.seq,
            AuditRow.kind,
            AuditRow.subject,
            AuditRow.actor,
            cast(AuditRow.payload, Text),
            AuditRow.at,
            AuditRow.prev_hash,
            AuditRow.hash,
        )
        .where(AuditRow.chain == chain, AuditRow.seq > after)
        .order_by(AuditRow.seq)
        .limit(limit)
    )
    # Parsed one by one: a page of parsed payloads would be thousands of objects.
    for seq, kind, subject, actor, written, at, prev_hash, own_hash in rows:
        payload = json.loads(written)
        yield seq, AuditDraft(chain, kind, subject, actor, payload, at), prev_hash, own_hash


def _all_links(session: Session, chain: str) -> Iterator[Stored]:
    """Reads in pages, so that no statement takes longer because the chain is long."""
    after = 0
    while True:
        page = list(links(session, chain, after=after, limit=_PAGE))
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def count_entries(session: Session) -> int:
    """The number of audit entries of all chains."""
    return session.scalar(select(func.count()).select_from(AuditRow)) or 0
