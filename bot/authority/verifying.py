"""Verifies operators' acts: each is signed with the key that the operator had at that time.

The audit chain itself introduces the keys, and each introduction after the first is signed with a
key that was introduced before it. Only the chain is believed; the operators' rows are compared with
it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from bot.authority.actors import SIGNED, claims_operator, is_signed_by, subject_of
from bot.authority.operators import ADDED, DISABLED, RESET
from models.audit import GLOBAL_CHAIN, AuditDraft
from models.enums import OperatorRole
from models.repositories import operators
from models.tables import AuditRow

AT_ONCE = 2_000
"""Entries that are read at a time."""
NAMED = 100
"""Unsound acts that are named at most."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act in an operator's name. `problem` says why it is not the operator's, if so."""

    chain: str
    seq: int
    at: datetime
    kind: str
    subject: str
    operator: str
    note: str | None
    reason: str | None
    problem: str | None


@dataclass(slots=True)
class _Known:
    """The chain's facts about an operator so far."""

    key: str
    role: str
    is_disabled: bool = False


@dataclass(slots=True)
class _Register:
    """The operators by their names in audit entries."""

    known: dict[str, _Known] = field(default_factory=dict)

    def judge(self, entry: AuditDraft) -> str | None:
        """Why an entry is not the act of the operator that it names; None when it is."""
        if not self.known and entry.kind == ADDED and not claims_operator(entry.actor):
            return None
        who = self.known.get(entry.actor)
        if not claims_operator(entry.actor):
            return "it changes operators, and no operator did it"
        if who is None:
            return f"nobody has introduced {entry.actor}"
        if who.is_disabled:
            return f"{entry.actor} was disabled"
        if not is_signed_by(entry, who.key):
            return "it is not signed with the key of whom it names"
        if entry.kind in (ADDED, DISABLED) and who.role != OperatorRole.RISK_OFFICER:
            return f"{entry.actor} is no risk officer"
        return None

    def note(self, entry: AuditDraft) -> None:
        """Takes the facts of a sound entry about an operator."""
        known = self.known.get(entry.subject)
        if entry.kind == ADDED:
            self.known[entry.subject] = _Known(entry.payload["key"], entry.payload["role"])
        elif known is not None and entry.kind == RESET:
            known.key = entry.payload["key"]
        elif known is not None and entry.kind == DISABLED:
            known.is_disabled = True


def acts(session: Session) -> list[Act]:
    """Every act in an operator's name, in the order of time."""
    register = _Register()
    return [_act(row, register) for row in _entries(session)]


def problems(session: Session) -> list[str]:
    """The faults of acts, and of operators' rows that differ from the chain.

    All acts are verified, in batches; the first faulty ones are named.
    """
    register = _Register()
    found: list[str] = []
    unsound = 0
    for act in (_act(row, register) for row in _entries(session)):
        if act.problem is None:
            continue
        unsound += 1
        if unsound <= NAMED:
            found.append(
                f"{act.chain}: entry {act.seq} ({act.kind} by {act.operator}): {act.problem}"
            )
    if unsound > NAMED:
        found.append(f"{unsound - NAMED} more acts are not sound (`mlrisk operator acts`)")
    for row in operators.everybody(session):
        known = register.known.get(subject_of(row.name))
        if known is None:
            found.append(f"operator {row.name} is in no sound audit entry")
        elif (known.key, known.role) != (row.public_key, row.role):
            found.append(f"operator {row.name} has another key or role than the audit chain says")
        elif known.is_disabled and row.disabled_at is None:
            found.append(f"operator {row.name} was disabled and is not any more")
    return found


def _act(row: AuditRow, register: _Register) -> Act:
    entry = AuditDraft(row.chain, row.kind, row.subject, row.actor, row.payload, row.at)
    problem = register.judge(entry)
    if problem is None and row.chain == GLOBAL_CHAIN:
        register.note(entry)
    signed = row.payload.get(SIGNED)
    return Act(
        row.chain,
        row.seq,
        row.at,
        row.kind,
        row.subject,
        row.actor,
        signed.get("note") if isinstance(signed, dict) else None,
        row.payload.get("reason"),
        problem,
    )


def _entries(session: Session) -> Iterator[AuditRow]:
    """At equal times the global chain comes first, because it introduces keys. Few entries are in
    memory at once."""
    place = (AuditRow.at, AuditRow.chain != GLOBAL_CHAIN, AuditRow.chain, AuditRow.seq)
    found = (
        select(AuditRow)
        .where(
            or_(
                AuditRow.actor.startswith(subject_of(""), autoescape=True),
                AuditRow.kind.in_((ADDED, RESET, DISABLED)),
            )
        )
        .order_by(*place)
        .limit(AT_ONCE)
    )
    rows = session.scalars(found).all()
    while rows:
        yield from rows
        last = rows[-1]
        after = (last.at, last.chain != GLOBAL_CHAIN, last.chain, last.seq)
        rows = session.scalars(found.where(tuple_(*place) > after)).all()
