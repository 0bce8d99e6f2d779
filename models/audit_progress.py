"""Verifies audit chains in pieces: new entries at once, and the past again in rounds.

A chain of a million entries can't be recomputed whole every few minutes. The last verified entry is
remembered with its hash. Each run checks that entry again, then everything after it, and the next
piece of the past, so that a change of an old entry is found within one round.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.archived import Archived
from models.audit import GENESIS, Link, all_chains, links, problems_of, problems_of_end
from models.tables import AuditCheckpointRow, AuditRow

PIECE = 20_000
"""The number of past entries that one run verifies, and the most new ones."""


@dataclass(frozen=True, slots=True)
class ChainProgress:
    """The findings of one run on a chain."""

    chain: str
    verified_to: int
    """The newest entry that was verified."""
    round_at: int
    """The place up to which the present round over the past has come."""
    head: int
    problems: tuple[str, ...]


def verify_on(session: Session, now: datetime, *, piece: int = PIECE) -> list[ChainProgress]:
    """Verifies every chain from where the last run ended; the progress is stored.

    The next run verifies a faulty chain from the same place, so that the fault is named until it is
    mended.
    """
    known = {row.chain: row for row in session.scalars(select(AuditCheckpointRow))}
    names = sorted({*all_chains(session), *known})
    return [_verify_chain(session, name, known.get(name), now, piece) for name in names]


def _verify_chain(
    session: Session, chain: str, known: AuditCheckpointRow | None, now: datetime, piece: int
) -> ChainProgress:
    start = Link(0, GENESIS) if known is None else Link(known.seq, known.hash)
    again = Link(0, GENESIS) if known is None else Link(known.round_seq, known.round_hash)
    problems = [*_lost(session, chain, start), *problems_of_end(session, chain)]
    newest, found = _piece(session, chain, start, piece)
    problems += found
    if again.seq >= start.seq:
        again = Link(0, GENESIS)
    round_at, found = _piece(session, chain, again, min(piece, max(0, start.seq - again.seq)))
    problems += found
    if not problems:
        _store(session, chain, newest, round_at, now)
    head = _head(session, chain)
    return ChainProgress(chain, newest.seq, round_at.seq, head, tuple(dict.fromkeys(problems)))


def _lost(session: Session, chain: str, verified: Link) -> Iterator[str]:
    """The entry that was verified last must still be there: else the chain's end was cut off."""
    if verified.seq == 0:
        return
    hashed = session.scalar(
        select(AuditRow.hash).where(AuditRow.chain == chain, AuditRow.seq == verified.seq)
    )
    if hashed is None:
        yield (
            f"{chain}: entry {verified.seq} was verified and is gone; "
            f"the chain ends with entry {_head(session, chain)}"
        )
    elif hashed != verified.hash:
        yield f"{chain}: entry {verified.seq} was replaced after it was verified"


def _piece(session: Session, chain: str, start: Link, size: int) -> tuple[Link, list[str]]:
    """The end of `size` entries after `start`, and their faults."""
    if size == 0:
        return start, []
    entries = links(session, chain, after=start.seq, limit=size)
    return problems_of(chain, start, entries, Archived(session))


def _head(session: Session, chain: str) -> int:
    newest = select(AuditRow.seq).where(AuditRow.chain == chain).order_by(AuditRow.seq.desc())
    return session.scalar(newest.limit(1)) or 0


def _store(session: Session, chain: str, newest: Link, round_at: Link, now: datetime) -> None:
    values = {
        "seq": newest.seq,
        "hash": newest.hash,
        "round_seq": round_at.seq,
        "round_hash": round_at.hash,
        "verified_at": now,
    }
    session.execute(
        insert(AuditCheckpointRow)
        .values(chain=chain, **values)
        .on_conflict_do_update(index_elements=["chain"], set_=values)
    )
