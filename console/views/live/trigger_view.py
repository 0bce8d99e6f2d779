"""The triggers of the emergency stop, as facts and as lines."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.output import utc
from models.tables import EmergencyTriggerRow


def triggers(session: Session) -> list[dict[str, Any]]:
    """Each trigger that was looked at, with what its last look saw."""
    rows = session.scalars(select(EmergencyTriggerRow).order_by(EmergencyTriggerRow.kind))
    return [
        {
            "kind": row.kind,
            "value": row.value,
            "threshold": row.threshold,
            "since": row.since,
            "fired_at": row.fired_at,
            "count": row.count,
        }
        for row in rows
    ]


def line_of(facts: Mapping[str, Any]) -> str:
    """One trigger in words."""
    fired = facts["fired_at"]
    mark = "[green]quiet[/]  " if fired is None else "[red]fired[/]  "
    parts = [f"{mark} emergency stop by {escape(facts['kind'])}: {escape(facts['value'])}"]
    parts.append(f"threshold {escape(facts['threshold'])}")
    if facts["since"] is not None:
        parts.append(f"since {utc(facts['since'])}")
    if fired is not None:
        parts.append(f"fired {utc(fired)}")
    if facts["count"]:
        parts.append(f"fired {facts['count']} times")
    return "; ".join(parts)
