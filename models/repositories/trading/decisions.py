"""Stored decisions of a period."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.tables import DecisionRow

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
