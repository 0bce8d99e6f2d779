"""Figures of decisions and trades of a period; Postgres adds them up from narrow rows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.enums import EndCause, ParentState, TradeSide, Verdict
from models.tables import DecisionFiguresRow, ParentOrderRow

UNRECORDED = "unrecorded"
"""The risk level of decisions from before levels were kept."""


@dataclass
class Counted:
    """Decisions of a time. Reasons and checks are those of denials; one denial may have several."""

    decisions: int = 0
    denied: int = 0
    shrunk: int = 0
    average_confidence: float | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    blamed: Counter[str] = field(default_factory=Counter)
    """Denials by the check that denied."""
    alone: Counter[str] = field(default_factory=Counter)
    """Denials by the check that denied alone."""
    missing: Counter[str] = field(default_factory=Counter)
    """By the check that had no input."""
    risk_levels: Counter[str] = field(default_factory=Counter)


def counted(session: Session, since: datetime, until: datetime | None = None) -> Counted:
    """One pass: decisions that answer alike are one row, and there are few ways to answer."""
    row = DecisionFiguresRow
    alike = (row.verdict, row.reasons, row.blamed, row.missing, row.risk_level)
    many = func.count()
    groups = session.execute(
        select(*alike, many, func.sum(row.confidence), func.count(row.confidence))
        .where(row.decided_at >= since, *_before(row.decided_at, until))
        .group_by(*alike)
        .order_by(many.desc(), *alike)
    )
    found, confidence, scored = Counted(), 0.0, 0
    for verdict, reasons, blamed, missing, level, count, total, scores in groups:
        found.decisions += count
        found.denied += count if verdict == Verdict.DENY else 0
        found.shrunk += count if verdict == Verdict.SHRINK else 0
        _add(found.reasons, reasons, count)
        _add(found.blamed, blamed, count)
        _add(found.alone, blamed if len(blamed) == 1 else [], count)
        _add(found.missing, missing, count)
        _add(found.risk_levels, [level or UNRECORDED], count)
        confidence += total or 0.0
        scored += scores
    found.average_confidence = confidence / scored if scored else None
    return found


def _before(
    column: InstrumentedAttribute[Any], until: datetime | None
) -> tuple[ColumnElement[bool], ...]:
    return () if until is None else (column < until,)


def _add(counter: Counter[str], names: Iterable[str], count: int) -> None:
    for name in names:
        counter[name] += count


@dataclass(frozen=True, slots=True)
class EndedParents:
    """Trades that ended. Their paid slippage and its base are in quote currency."""

    count: int
    succeeded: int
    """Trades that were filled whole, and exits of positions that others closed."""
    average_seconds: float | None
    """The average time from start to end of the completed ones, in seconds."""
    paid: Decimal
    at_decision: Decimal


def ended(session: Session, since: datetime, until: datetime | None = None) -> EndedParents:
    """Counts, durations and costs of the parents that ended since a moment."""
    parent = ParentOrderRow
    completed = parent.state == ParentState.COMPLETED
    succeeded = completed | (parent.end_cause == EndCause.NOTHING_TO_REDUCE)
    lasted = func.extract("epoch", parent.finished_at - parent.start_at)
    at_decision = parent.filled_qty * parent.reference_price
    sign = case((parent.side == TradeSide.BUY, 1), else_=-1)
    count, done, seconds, paid, reference = session.execute(
        select(
            func.count(),
            func.count().filter(succeeded),
            func.avg(lasted).filter(completed),
            func.coalesce(func.sum(sign * (parent.filled_notional - at_decision)), 0),
            func.coalesce(func.sum(at_decision), 0),
        ).where(parent.finished_at >= since, *_before(parent.finished_at, until))
    ).one()
    average = None if seconds is None else float(seconds)
    return EndedParents(count, done, average, Decimal(paid), Decimal(reference))


def start_of_newest(session: Session, since: datetime, most: int) -> datetime:
    """The moment since which at most this many trades started, or `since` where it is later."""
    newest = session.scalars(
        select(ParentOrderRow.start_at)
        .where(ParentOrderRow.start_at >= since)
        .order_by(ParentOrderRow.start_at.desc())
        .limit(most)
    ).all()
    return newest[-1] if len(newest) == most else since
