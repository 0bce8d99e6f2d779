"""Stored reports on the controls: keeping one, and listing the last ones."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.authority.actors import Actor
from bot.safety import assurance
from bot.safety.assurance import AssuranceReport
from config.settings import Settings
from console.context import acting
from console.output import print_json, stdout, to_json, utc
from models.database import Database
from models.tables import AssuranceReportRow


def keep(
    db: Database,
    settings: Settings,
    kind: str,
    made_at: datetime,
    facts: Mapping[str, Any],
    actor: Actor,
) -> AssuranceReportRow:
    """Stores a report by its printed facts, whose `counts` the audit entry has as well."""
    plain: dict[str, Any] = json.loads(to_json(facts))
    figures = {"counts": plain["counts"]}
    made = AssuranceReport(kind, settings.account, made_at, figures, plain)
    return assurance.store(db, made, actor)


def show_last(settings: Settings, kind: str, limit: int, without: str, *, as_json: bool) -> None:
    """Prints the last reports of a kind, newest first, and whether each is as the audit has it;
    `without` is what is said where there is none."""
    with acting(settings) as db, db.reading() as session:
        rows = assurance.newest(session, settings.account, kind, limit)
        intact = [assurance.is_as_recorded(session, row) for row in rows]
    if as_json:
        print_json({"reports": [_facts(*pair) for pair in zip(rows, intact, strict=True)]})
        return
    for row, is_intact in zip(rows, intact, strict=True):
        mark = "" if is_intact else "; NOT as the audit has it"
        line = f"{row.report_id}: {utc(row.made_at)} by {row.actor}: {counts_words(row.report)}"
        stdout().print(f"{line}{mark}", markup=False)
    if not rows:
        stdout().print(without, markup=False)


def counts_words(report: Mapping[str, Any]) -> str:
    """The counts of a report in one line."""
    return ", ".join(f"{count} {name}" for name, count in report["counts"].items())


def _facts(row: AssuranceReportRow, is_intact: bool) -> dict[str, Any]:
    return {
        "report": row.report_id,
        "made_at": row.made_at,
        "actor": row.actor,
        "as_recorded": is_intact,
        "content": row.report,
    }
