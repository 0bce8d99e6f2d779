"""From alerts to deliveries: which channel is told of what, how often, and when it is tried again.

A round is one time that people are to be told of an alert. Its deliveries are rows before anything
is sent, so that a process that dies forgets none. A sender holds a delivery for a time, and marks
it when the channel has taken the message; between the two a death repeats the message once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.enums import AlertLevel, AlertNews, AlertState
from models.tables import AlertDeliveryRow, AlertRow

CHANNEL_SILENT = "alert_channel_silent"
"""The kind of the alert that a channel takes no messages. Every other channel is told."""
OLD = timedelta(hours=1)
"""Nobody is told any more of an alert that has been over for so long."""
HELD_BEYOND_TIMEOUT = timedelta(seconds=10)
"""A sender holds a delivery for the channel's timeout and this. After that another one may try."""
LAST_ATTEMPT = 300
"""With the longest wait between two attempts this is about a day."""
_LONGEST_WAIT = timedelta(minutes=5)
_AT_ONCE = 200
_RATE_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to reach people. Its address is known to its sender alone."""

    name: str
    min_level: AlertLevel


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery with its alert, as a message needs it."""

    alert_id: int
    round: int
    news: AlertNews
    level: AlertLevel
    attempts: int
    text: str
    chain: str
    count: int
    first_seen: datetime
    state: AlertState


def plan(session: Session, channels: Sequence[Channel], now: datetime) -> int:
    """Writes the deliveries of every new round; returns the number of rounds.

    Without channels the rounds wait for the first one.
    """
    if not channels:
        return 0
    rows = session.scalars(
        select(AlertRow)
        .where(AlertRow.round > AlertRow.planned_round)
        .order_by(AlertRow.alert_id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        _plan_round(session, row, channels, now)
        row.planned_round = row.round
    return len(rows)


def _plan_round(
    session: Session, row: AlertRow, channels: Sequence[Channel], now: datetime
) -> None:
    if row.state is not AlertState.OPEN and now - row.last_seen > OLD:
        return
    news = row.news
    if news is AlertNews.CLEARED and row.planned_round == 0:
        # It was over before anybody was told that it began.
        news = AlertNews.RAISED
    level = level_told(row)
    if news is AlertNews.CLEARED:
        names = set(_told_before(session, row.alert_id)) & {each.name for each in channels}
    elif row.kind == CHANNEL_SILENT:
        names = {each.name for each in channels} - {row.subject}
    else:
        names = {each.name for each in channels if each.min_level.rank <= level.rank}
    if names:
        session.execute(
            insert(AlertDeliveryRow).on_conflict_do_nothing(),
            [
                {
                    "alert_id": row.alert_id,
                    "round": row.round,
                    "channel": name,
                    "news": news,
                    "level": level,
                    "next_at": now,
                }
                for name in sorted(names)
            ],
        )


def level_told(row: AlertRow) -> AlertLevel:
    """The alert's level, or the loudest one after an escalation."""
    return AlertLevel.EMERGENCY if row.escalations else row.level


def _told_before(session: Session, alert_id: int) -> Sequence[str]:
    return session.scalars(
        select(AlertDeliveryRow.channel).where(AlertDeliveryRow.alert_id == alert_id).distinct()
    ).all()


def take(
    session: Session, channel: str, now: datetime, *, per_minute: int, timeout: timedelta
) -> tuple[Told, ...]:
    """Takes the deliveries of the channel's next message, for one sender; empty for none.

    The message is about one alert, or sums up all that waits when the rate is used up.
    """
    # Row locks are no lock of the rate: a second process of one channel could exceed it by one.
    waiting = session.execute(
        select(AlertDeliveryRow, AlertRow)
        .join(AlertRow, AlertRow.alert_id == AlertDeliveryRow.alert_id)
        .where(
            AlertDeliveryRow.channel == channel,
            AlertDeliveryRow.delivered_at.is_(None),
            AlertDeliveryRow.given_up_at.is_(None),
            AlertDeliveryRow.next_at <= now,
        )
        .order_by(AlertDeliveryRow.next_at, AlertDeliveryRow.alert_id, AlertDeliveryRow.round)
        .limit(_AT_ONCE)
        .with_for_update(of=AlertDeliveryRow, skip_locked=True)
    ).all()
    if not waiting:
        return ()
    pairs = sorted(
        ((delivery, alert) for delivery, alert in waiting), key=lambda pair: -pair[0].level.rank
    )
    levels = [delivery.level for delivery, _ in pairs]
    chosen = pairs[: choose(levels, _sent(session, channel, now), per_minute)]
    for delivery, _ in chosen:
        delivery.attempts += 1
        delivery.began_at = now
        delivery.next_at = now + timeout + HELD_BEYOND_TIMEOUT
    return tuple(_told(delivery, alert) for delivery, alert in chosen)


def choose(levels: Sequence[AlertLevel], sent: int, per_minute: int) -> int:
    """How many of the waiting deliveries, the loudest first, go into the next message.

    One by one until a single message of the minute is left. That one sums up all that waits. An
    emergency may go beyond the rate, up to twice of it.
    """
    if not levels:
        return 0
    if sent < per_minute - 1:
        return 1
    if sent == per_minute - 1:
        return len(levels)
    return 1 if levels[0] is AlertLevel.EMERGENCY and sent < 2 * per_minute else 0


def delivered(session: Session, channel: str, told: Sequence[Told], now: datetime) -> None:
    """Marks deliveries that the channel has taken. Those that it had failed to take are due now."""
    _update(session, channel, told, delivered_at=now, error=None)
    session.execute(
        update(AlertDeliveryRow)
        .where(
            AlertDeliveryRow.channel == channel,
            AlertDeliveryRow.delivered_at.is_(None),
            AlertDeliveryRow.given_up_at.is_(None),
            AlertDeliveryRow.error.is_not(None),
            AlertDeliveryRow.next_at > now,
        )
        .values(next_at=now)
    )


def failed(session: Session, channel: str, told: Sequence[Told], now: datetime, error: str) -> None:
    """Marks deliveries that the channel has not taken, with the time of the next attempt."""
    for each in told:
        last = now if each.attempts >= LAST_ATTEMPT else None
        _update(
            session,
            channel,
            [each],
            next_at=now + wait_after(each.attempts),
            error=error,
            given_up_at=last,
        )


def wait_after(attempts: int) -> timedelta:
    """The wait after so many failed attempts: 1, 2, 4 seconds and so on, at most five minutes."""
    return min(timedelta(seconds=2 ** min(attempts - 1, 20)), _LONGEST_WAIT)


def _update(session: Session, channel: str, told: Sequence[Told], **values: object) -> None:
    for each in told:
        session.execute(
            update(AlertDeliveryRow)
            .where(
                AlertDeliveryRow.alert_id == each.alert_id,
                AlertDeliveryRow.round == each.round,
                AlertDeliveryRow.channel == channel,
            )
            .values(**values)
        )


def _sent(session: Session, channel: str, now: datetime) -> int:
    """The number of messages that were begun on the channel within the last minute. Deliveries of
    one message have one time."""
    counted = session.scalar(
        select(func.count(AlertDeliveryRow.began_at.distinct())).where(
            AlertDeliveryRow.channel == channel,
            AlertDeliveryRow.began_at > now - _RATE_WINDOW,
        )
    )
    return counted or 0


def _told(delivery: AlertDeliveryRow, alert: AlertRow) -> Told:
    return Told(
        delivery.alert_id,
        delivery.round,
        delivery.news,
        delivery.level,
        delivery.attempts,
        alert.text,
        alert.chain,
        alert.count,
        alert.first_seen,
        alert.state,
    )
