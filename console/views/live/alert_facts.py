"""Alerts with their deliveries, for the commands and the browser."""

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from console.output import utc
from models.enums import AlertLevel, AlertState
from models.tables import AlertDeliveryRow, AlertRow

STYLES = {
    AlertLevel.INFO: "dim",
    AlertLevel.WARNING: "yellow",
    AlertLevel.CRITICAL: "red",
    AlertLevel.EMERGENCY: "bold white on red",
}


def alerts(session: Session, *wanted: ColumnElement[bool], limit: int) -> list[AlertRow]:
    """The alerts that meet the conditions: open ones first, then acknowledged ones, then cleared
    ones, the loudest of each first. Beyond the limit the oldest are left out, cleared ones first.
    """
    is_cleared = AlertRow.state == AlertState.CLEARED
    rows = session.scalars(
        select(AlertRow).where(*wanted).order_by(is_cleared, AlertRow.last_seen.desc()).limit(limit)
    )
    states = [*AlertState]
    return sorted(rows, key=lambda row: (states.index(row.state), -row.level.rank))


def open_counts(session: Session) -> dict[str, int]:
    """The number of alerts that wait for an operator, by level."""
    counted = session.execute(
        select(AlertRow.level, func.count())
        .where(AlertRow.state == AlertState.OPEN)
        .group_by(AlertRow.level)
    )
    found = dict(counted.all())
    return {level.value: found[level] for level in reversed(AlertLevel) if level in found}


def deliveries(session: Session, ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """The deliveries of alerts by their ids, the oldest first."""
    found: dict[int, list[dict[str, Any]]] = {}
    rows = session.scalars(
        select(AlertDeliveryRow)
        .where(AlertDeliveryRow.alert_id.in_(list(ids)))
        .order_by(AlertDeliveryRow.alert_id, AlertDeliveryRow.round, AlertDeliveryRow.channel)
    )
    for row in rows:
        found.setdefault(row.alert_id, []).append(
            {
                "channel": row.channel,
                "round": row.round,
                "news": row.news,
                "level": row.level,
                "attempts": row.attempts,
                "delivered_at": row.delivered_at,
                "given_up_at": row.given_up_at,
                "error": row.error,
            }
        )
    return found


def facts_of(row: AlertRow, told: list[dict[str, Any]]) -> dict[str, Any]:
    """One alert as `--json` prints it."""
    return {
        "id": row.alert_id,
        "level": row.level,
        "state": row.state,
        "kind": row.kind,
        "key": row.key,
        "chain": row.chain,
        "subject": row.subject,
        "text": row.text,
        "lasting": row.lasting,
        "count": row.count,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
        "opened_at": row.opened_at,
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": row.acknowledged_by,
        "acknowledge_reason": row.acknowledge_reason,
        "cleared_at": row.cleared_at,
        "clear_reason": row.clear_reason,
        "escalations": row.escalations,
        "reduced_at": row.reduced_at,
        "deliveries": told,
    }


def line_of(row: AlertRow) -> str:
    """One alert in a line of markup."""
    times = "" if row.count == 1 else f" {row.count} times"
    mark = f"[{STYLES[row.level]}]{row.level}[/]"
    return (
        f"{row.alert_id:>5} {mark} {row.state}, since {utc(row.first_seen)}{times}: "
        f"{escape(row.text)}"
    )
