"""The health of the channels, as rows: one that takes no messages is an alert on the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bot.safety.alerts.telling import CHANNEL_SILENT, Channel
from models.alerts import raising
from models.alerts.words import Condition
from models.enums import AlertLevel
from models.tables import AlertChannelRow

FAILED_OFTEN = 3
"""So many failed attempts in a row are no accident any more."""


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """A channel, as `mlrisk status` and `mlrisk doctor` show it."""

    name: str
    service: str
    min_level: AlertLevel
    failures: int
    failing_since: datetime | None
    delivered_at: datetime | None
    error: str | None

    @property
    def problem(self) -> str | None:
        """Why nobody is told by it; None while it works."""
        if self.failures < FAILED_OFTEN:
            return None
        return f"{self.failures} attempts failed in a row: {self.error}"


def declare(
    session: Session, channels: Sequence[Channel], services: Mapping[str, str], now: datetime
) -> None:
    """Stores the channels in use. Others stay as rows that are not in use."""
    session.execute(update(AlertChannelRow).values(configured=False))
    for each in channels:
        values = {
            "service": services[each.name],
            "min_level": each.min_level,
            "configured": True,
            "changed_at": now,
        }
        session.execute(
            insert(AlertChannelRow)
            .values(name=each.name, **values)
            .on_conflict_do_update(index_elements=["name"], set_=values)
        )


def note(session: Session, name: str, account: str, error: str | None, now: datetime) -> None:
    """Stores the outcome of an attempt, and raises or clears the alert about the channel."""
    row = session.get(AlertChannelRow, name, with_for_update=True)
    if row is None:
        return
    key = f"{account}|{CHANNEL_SILENT}|{name}"
    if error is None:
        if row.failures:
            raising.clear(session, key, why="the channel takes messages again", now=now)
        row.failures, row.failing_since, row.error = 0, None, None
        row.delivered_at = now
        return
    row.failures += 1
    row.failing_since = row.failing_since or now
    row.error = error
    if row.failures == FAILED_OFTEN:
        text = f"the alert channel {name} takes no messages: {error}"
        condition = Condition(key, AlertLevel.WARNING, CHANNEL_SILENT, name, text, lasting=True)
        raising.raise_alert(session, condition, chain=account, now=now)


def health(session: Session) -> tuple[ChannelHealth, ...]:
    """The channels in use, by name."""
    rows = session.scalars(
        select(AlertChannelRow).where(AlertChannelRow.configured).order_by(AlertChannelRow.name)
    )
    return tuple(
        ChannelHealth(
            row.name,
            row.service,
            row.min_level,
            row.failures,
            row.failing_since,
            row.delivered_at,
            row.error,
        )
        for row in rows
    )
