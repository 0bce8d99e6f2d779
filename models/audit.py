"""The audit chain: immutable records, each bound to the one before it by SHA-256.

h_t = SHA-256(h_{t-1} || canonical(record)), after Haber and Stornetta (1991). One chain per
account and one named `global`; within a chain `seq` counts from 1 without gaps.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.inserting import write_rows
from models.locks import lock_audit_chain
from models.tables import AuditRow

GENESIS = "0" * 64
GLOBAL_CHAIN = "global"


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
    """What verifying a chain found; `problems` is empty when it holds."""

    chain: str
    entries: int
    head: str
    problems: tuple[str, ...]


def entry_hash(prev_hash: str, seq: int, draft: AuditDraft) -> str:
    """The hash of an entry; times count as UTC microseconds, payloads in canonical JSON."""
    record = [
        draft.chain,
        seq,
        draft.at.astimezone(UTC).isoformat(timespec="microseconds"),
        draft.kind,
        draft.subject,
        draft.actor,
        draft.payload,
    ]
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256((prev_hash + canonical).encode()).hexdigest()


def append_entries(session: Session, drafts: Sequence[AuditDraft]) -> None:
    """Appends drafts to their chains, in order; the chain's lock is held until the commit."""
    for chain in sorted({draft.chain for draft in drafts}):
        seq, prev_hash = lock_audit_chain(session, chain) or (0, GENESIS)
        entries = []
        for draft in drafts:
            if draft.chain != chain:
                continue
            seq += 1
            entry = _entry(draft, seq, prev_hash)
            entries.append(entry)
            prev_hash = entry.hash
        write_rows(session, entries)


def _entry(draft: AuditDraft, seq: int, prev_hash: str) -> AuditRow:
    return AuditRow(
        chain=draft.chain,
        seq=seq,
        at=draft.at,
        kind=draft.kind,
        subject=draft.subject,
        actor=draft.actor,
        payload=draft.payload,
        prev_hash=prev_hash,
        hash=entry_hash(prev_hash, seq, draft),
    )


def chains(session: Session) -> list[str]:
    return list(session.scalars(select(AuditRow.chain).distinct().order_by(AuditRow.chain)))


def verify_chain(session: Session, chain: str) -> AuditReport:
    """Recomputes a whole chain from its first entry."""
    problems: list[str] = []
    seq, prev_hash = 0, GENESIS
    for row in _rows(session, chain):
        seq += 1
        if row.seq != seq:
            problems.append(f"{chain}: entry {seq} is missing before entry {row.seq}")
            seq = row.seq
        if row.prev_hash != prev_hash:
            problems.append(f"{chain}: entry {row.seq} does not follow the entry before it")
        draft = AuditDraft(row.chain, row.kind, row.subject, row.actor, row.payload, row.at)
        if entry_hash(row.prev_hash, row.seq, draft) != row.hash:
            problems.append(f"{chain}: entry {row.seq} was changed after it was written")
        prev_hash = row.hash
    return AuditReport(chain, seq, prev_hash, tuple(problems))


def _rows(session: Session, chain: str) -> Iterator[AuditRow]:
    yield from session.scalars(
        select(AuditRow)
        .where(AuditRow.chain == chain)
        .order_by(AuditRow.seq)
        .execution_options(yield_per=1000)
    )


def count_entries(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AuditRow)) or 0
