"""Refused messages, counted by sender, reason and minute, so that a flood writes few records."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.enums import MessageRefusal
from models.tables import RefusedMessagesRow

MAX_SENDERS = 20
"""The most names of one minute and reason. Names are free to invent, so all further ones count as
one."""
OTHERS = "(others)"
_MINUTE = timedelta(minutes=1)
_BATCH = 500


def count(session: Session, kind: str, sender: str, now: datetime) -> tuple[str, int]:
    """Counts one message; returns its sender and the sender's number in this minute."""
    minute = now.replace(second=0, microsecond=0)
    row = RefusedMessagesRow
    found = session.execute(select(row.kind, row.sender).where(row.minute == minute))
    known = {(each.kind, each.sender) for each in found}
    if (kind, sender) not in known and len(known) >= MAX_SENDERS:
        sender = OTHERS
    new = insert(row).values(
        minute=minute, kind=kind, sender=sender, count=1, last_at=now, is_summed=False
    )
    counted = new.on_conflict_do_update(
        index_elements=[row.minute, row.kind, row.sender],
        set_={"count": row.count + 1, "last_at": now, "is_summed": False},
    ).returning(row.count)
    return sender, session.scalars(counted).one()


def take_ended(session: Session, now: datetime) -> Sequence[RefusedMessagesRow]:
    """The counts of minutes that are over, to be summed, the oldest first; locked, without those
    that another process is summing."""
    row = RefusedMessagesRow
    found = session.scalars(
        select(row)
        .where(row.is_summed.is_(False), row.minute <= now - _MINUTE)
        .order_by(row.minute, row.kind, row.sender)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for each in found:
        each.is_summed = True
    return found


def total(
    session: Session,
    since: datetime,
    kinds: Iterable[MessageRefusal] = MessageRefusal,
    *,
    until: datetime | None = None,
) -> int:
    """The number of refusals in minutes that ended after `since`, and began before `until`."""
    row = RefusedMessagesRow
    before = () if until is None else (row.minute < until,)
    return int(
        session.scalar(
            select(func.coalesce(func.sum(row.count), 0)).where(
                row.minute > since - _MINUTE,
                row.last_at >= since,
                row.kind.in_([kind.value for kind in kinds]),
                *before,
            )
        )
        or 0
    )
