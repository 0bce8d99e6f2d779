"""The newest recorded events that a person should know of."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk import alerts
from bot.risk.portfolio.kinds import AlertLevel
from console.web.facts import AlertFacts
from models.tables import AuditRow

WINDOW = timedelta(hours=24)
SHOWN = 15


def newest_alerts(session: Session, now: datetime) -> tuple[AlertFacts, ...]:
    """At most `SHOWN` entries of the last day above information, newest first."""
    rows = session.scalars(
        select(AuditRow)
        .where(AuditRow.kind.in_(sorted(alerts.LOUD)), AuditRow.at > now - WINDOW)
        .order_by(AuditRow.at.desc(), AuditRow.chain, AuditRow.seq.desc())
        # Some kinds are loud only with certain facts.
        .limit(SHOWN * 4)
    )
    found = (
        AlertFacts(
            row.at,
            alerts.of_entry(row.kind, row.payload),
            row.kind,
            row.subject,
            row.actor,
            _reason(row),
        )
        for row in rows
    )
    return tuple(each for each in found if each.level is not AlertLevel.INFO)[:SHOWN]


def _reason(row: AuditRow) -> str | None:
    said = row.payload.get("reason")
    return None if said is None else str(said)
