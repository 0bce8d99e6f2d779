"""Stored decisions: those of a time, and why requests were blocked."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.orm import Session

from models.audit import GLOBAL_CHAIN
from models.tables import AuditRow, DecisionRow

_BATCH = 200
"""Rows read at a time: a decision with its snapshot is some 20 kB."""
_SAID_NO = '$.checks[*] ? (@.status == "fail" || @.status == "unknown")'


def between(session: Session, since: datetime, until: datetime) -> Iterator[DecisionRow]:
    """Decisions from `since` on and before `until`, oldest first, never all in memory."""
    yield from session.scalars(
        select(DecisionRow)
        .where(DecisionRow.decided_at >= since, DecisionRow.decided_at < until)
        .order_by(DecisionRow.decided_at, DecisionRow.request_id)
        .execution_options(yield_per=_BATCH)
    )


def answers(session: Session, since: datetime) -> Iterator[dict[str, Any]]:
    """The recorded answers since a moment, of their checks only those that said no."""
    rows = session.execute(
        select(
            DecisionRow.decision.op("-", return_type=JSONB)("checks"),
            func.jsonb_path_query_array(DecisionRow.decision, cast(_SAID_NO, JSONPATH)),
        )
        .where(DecisionRow.decided_at >= since)
        .execution_options(yield_per=_BATCH)
    )
    for answer, said_no in rows:
        yield {**answer, "checks": said_no}


def bad_messages(session: Session, since: datetime) -> int:
    """Messages that were refused before they could be decided."""
    return (
        session.scalar(
            select(func.count())
            .select_from(AuditRow)
            .where(
                AuditRow.chain == GLOBAL_CHAIN,
                AuditRow.kind == "bad_message",
                AuditRow.at >= since,
            )
        )
        or 0
    )
