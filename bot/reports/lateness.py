"""How late the slices of a day were sent, in ms after their planned time."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Float, cast, func, select
from sqlalchemy.orm import Session

from models.tables import ChildOrderRow

_EDGES = (10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0)
"""The dispatcher looks each second; most slices are sent within some tens of ms."""


def lateness(session: Session, account: str, start: datetime, end: datetime) -> dict[str, Any]:
    """The median and the 99th percentile; None when nothing was sent."""
    late = func.extract("epoch", ChildOrderRow.sent_at - ChildOrderRow.planned_at) * 1000
    row = session.execute(
        select(
            func.percentile_cont(0.5).within_group(late),
            func.percentile_cont(0.99).within_group(late),
        ).where(*_sent(account, start, end))
    ).one()
    return {
        name: None if value is None else round(float(value), 1)
        for name, value in zip(("p50", "p99"), row, strict=True)
    }


def lateness_counts(
    session: Session, account: str, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """The number of slices under each lateness and over the one before it. The last one has no
    upper end: its `under_ms` is None."""
    late = func.extract("epoch", ChildOrderRow.sent_at - ChildOrderRow.planned_at) * 1000
    edges = cast(list(_EDGES), ARRAY(Float))
    place = func.width_bucket(cast(late, Float), edges).label("place")
    rows = session.execute(
        select(place, func.count()).where(*_sent(account, start, end)).group_by(place)
    )
    counts = {int(number): count for number, count in rows}
    ends = (*_EDGES, None)
    return [{"under_ms": end, "slices": counts.get(n, 0)} for n, end in enumerate(ends)]


def _sent(account: str, start: datetime, end: datetime) -> tuple[Any, ...]:
    return (
        ChildOrderRow.account == account,
        ChildOrderRow.sent_at >= start,
        ChildOrderRow.sent_at < end,
    )
