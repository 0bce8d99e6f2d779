"""The record of drills: rehearsals of the emergency stop and stress tests, each a row that never
changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority.actors import Actor, named, record
from models.database import Database
from models.tables import DrillRow
from models.text import storable_json

HALT = "halt"
"""The drill of the whole emergency stop."""
STRESS = "stress"
"""The drill with twice the messages and the volume of the busiest minute."""
DRILLED = "drill"
"""The kind of the audit entry of a drill."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill that has ended, before it is stored."""

    kind: str
    account: str
    began_at: datetime
    ended_at: datetime
    passed: bool
    """Whether every step was done and proven."""
    report: dict[str, Any]
    """What it measured, as plain JSON."""


def store(db: Database, drill: Drill, actor: Actor) -> int:
    """Writes the row and its audit entry, which a logged-in operator signs; returns its number."""
    report = storable_json(drill.report)
    with db.unit_of_work() as uow:
        row = DrillRow(
            kind=drill.kind,
            account=drill.account,
            began_at=drill.began_at,
            ended_at=drill.ended_at,
            actor=named(actor),
            passed=drill.passed,
            report=report,
        )
        uow.session.add(row)
        uow.session.flush()
        number = row.drill_id
        facts = {"drill": number, "kind": drill.kind, "passed": drill.passed, "report": report}
        record(uow, drill.account, DRILLED, f"drill:{number}", actor, facts, drill.ended_at)
        uow.commit()
    return number


def newest(
    session: Session, account: str, limit: int, kind: str | None = None
) -> Sequence[DrillRow]:
    """The account's last drills, newest first; of one kind where it is given."""
    asked = select(DrillRow).where(DrillRow.account == account)
    if kind is not None:
        asked = asked.where(DrillRow.kind == kind)
    return session.scalars(asked.order_by(DrillRow.drill_id.desc()).limit(limit)).all()
