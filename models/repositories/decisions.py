"""Stored decisions of a time, and messages that never became one."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.audit import GLOBAL_CHAIN
from models.enums import MessageRefusal
from models.tables import AuditRow, DecisionRow

_BATCH = 200
"""Rows read at a time: a decision with its snapshot is some 20 kB."""


def between(session: Session, since: datetime, until: datetime) -> Iterator[DecisionRow]:
    """Decisions from `since` on and before `until`, oldest first, never all in memory."""
    yield from session.scalars(
        select(DecisionRow)
        .where(DecisionRow.decided_at >= since, DecisionRow.decided_at < until)
        .order_by(DecisionRow.decided_at, DecisionRow.request_id)
        .execution_options(yield_per=_BATCH)
    )


def bad_messages(
    session: Session, since: datetime, kinds: Iterable[MessageRefusal] = MessageRefusal
) -> int:
    """Messages that were refused before they could be decided."""
    return (
        session.scalar(
            select(func.count())
            .select_from(AuditRow)
            .where(
                AuditRow.chain == GLOBAL_CHAIN,
                AuditRow.kind.in_([kind.value for kind in kinds]),
                AuditRow.at >= since,
            )
        )
        or 0
    )
