"""Reports on the controls themselves: calibrations and self-assessments, each a row that never
changes.

The audit entry has the report's fingerprint and its figures, and a logged-in operator signs it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority.actors import Actor, named, record
from models.database import Database
from models.tables import AssuranceReportRow, AuditRow
from models.text import storable_json

CALIBRATION = "calibration"
"""A review of the limits by what they decided."""
SELF_ASSESSMENT = "self_assessment"
"""A review of the controls that public texts ask for."""
REPORTED = "assurance_report"
"""The kind of the audit entry of a report."""
_SHA256 = "report_sha256"


@dataclass(frozen=True, slots=True)
class AssuranceReport:
    """A report before it is stored."""

    kind: str
    account: str
    made_at: datetime
    figures: Mapping[str, Any]
    """The few numbers that the audit entry has as well."""
    report: Mapping[str, Any]
    """All of it, as plain JSON."""


def fingerprint(report: Mapping[str, Any]) -> str:
    """SHA-256 of the report's canonical JSON."""
    canonical = json.dumps(report, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def store(db: Database, made: AssuranceReport, actor: Actor) -> AssuranceReportRow:
    """Writes the row and its audit entry, which a logged-in operator signs."""
    report = storable_json(dict(made.report))
    row = AssuranceReportRow(
        kind=made.kind,
        account=made.account,
        made_at=made.made_at,
        actor=named(actor),
        report_sha256=fingerprint(report),
        report=report,
    )
    with db.unit_of_work() as uow:
        uow.session.add(row)
        uow.session.flush()
        facts = {
            "report": row.report_id,
            "kind": made.kind,
            _SHA256: row.report_sha256,
            **made.figures,
        }
        subject = _subject(row)
        record(uow, made.account, REPORTED, subject, actor, facts, made.made_at)
        uow.commit()
    return row


def newest(session: Session, account: str, kind: str, limit: int) -> Sequence[AssuranceReportRow]:
    """The account's last reports of a kind, newest first."""
    asked = select(AssuranceReportRow).where(
        AssuranceReportRow.account == account, AssuranceReportRow.kind == kind
    )
    return session.scalars(asked.order_by(AssuranceReportRow.report_id.desc()).limit(limit)).all()


def is_as_recorded(session: Session, row: AssuranceReportRow) -> bool:
    """Whether the audit has an entry about this report with this content."""
    found = session.scalars(
        select(AuditRow.payload).where(
            AuditRow.chain == row.account,
            AuditRow.kind == REPORTED,
            AuditRow.subject == _subject(row),
            AuditRow.at == row.made_at,
        )
    )
    wanted = fingerprint(row.report)
    return any(payload is not None and payload.get(_SHA256) == wanted for payload in found)


def _subject(row: AssuranceReportRow) -> str:
    return f"{row.kind}:{row.report_id}"
