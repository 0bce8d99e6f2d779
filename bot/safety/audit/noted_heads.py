"""Compares the ends of the audit chains in a line of the file with the database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import Link, heads
from models.tables import AuditRow

AGAIN = "move it to {aside} when you know why, and a new one begins"
"""The advice for a file that is not as it was written."""


@dataclass(frozen=True, slots=True)
class Noted:
    """One line: the heads at a moment."""

    number: int
    at: datetime
    heads: Mapping[str, Link]
    before: str
    code: str


def moment(at: datetime) -> str:
    """A moment as the problems name it: UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def against(session: Session, last: Noted, path: Path, aside: Path) -> list[str]:
    """The heads of a line that the database no longer has."""
    lost = list(_lost(session, last))
    if not lost:
        return []
    known = heads(session)
    behind = [chain for chain, head in last.heads.items() if known.get(chain, _NOTHING) != head]
    if len(behind) == len(last.heads) and all(
        known.get(chain, _NOTHING).seq < last.heads[chain].seq for chain in behind
    ):
        lost.append(
            f"every chain ends before what {path} noted at {moment(last.at)}: an older backup was "
            "restored, or all ends were cut. Halt, compare orders and positions with the exchange, "
            f"and {AGAIN.format(aside=aside)}"
        )
    return lost


_NOTHING = Link(0, "")


def _lost(session: Session, last: Noted) -> Iterator[str]:
    for chain, head in last.heads.items():
        hashed = session.scalar(
            select(AuditRow.hash).where(AuditRow.chain == chain, AuditRow.seq == head.seq)
        )
        if hashed is None:
            yield f"{chain}: entry {head.seq} was there at {last.at.isoformat()} and is gone"
        elif hashed != head.hash:
            yield f"{chain}: entry {head.seq} is not what it was at {last.at.isoformat()}"
