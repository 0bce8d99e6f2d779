"""Parents and children: finding what is due, unresolved or over."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.enums import ChildState, ExecutionStatus, ParentState
from models.tables import ChildOrderRow, FillRow, ParentOrderRow, TradeRequestRow

_FINAL_CHILD = [state for state in ChildState if state.is_final]
_OPEN_PARENT = [state for state in ParentState if not state.is_final]


def take_due_children(
    session: Session, *, now: datetime, horizon: timedelta, wake_timeout: timedelta, limit: int
) -> Sequence[ChildOrderRow]:
    """Planned children that need a wake-up, marked as woken now.

    A child needs one when it is due within the horizon and was never woken, or when its last
    wake-up is older than the timeout and it should have gone out by now: that wake-up was lost.
    """
    lost_before = now - wake_timeout
    rows = session.scalars(
        select(ChildOrderRow)
        .where(
            ChildOrderRow.state == ChildState.PLANNED,
            ChildOrderRow.due_at <= now + horizon,
            or_(
                ChildOrderRow.wake_at.is_(None),
                func.greatest(ChildOrderRow.wake_at, ChildOrderRow.due_at) < lost_before,
            ),
        )
        .order_by(ChildOrderRow.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.wake_at = now
    return rows


def overdue_children(session: Session, now: datetime, limit: int) -> Sequence[ChildOrderRow]:
    """Planned children whose deadline has passed: they must never go out."""
    return session.scalars(
        select(ChildOrderRow)
        .where(ChildOrderRow.state == ChildState.PLANNED, ChildOrderRow.deadline_at <= now)
        .order_by(ChildOrderRow.child_id)
        .limit(limit)
    ).all()


def unresolved_children(
    session: Session, *, account: str | None = None, older_than: datetime | None = None
) -> Sequence[ChildOrderRow]:
    """Children that may have an order at the exchange whose end we haven't stored."""
    query = select(ChildOrderRow).where(
        ChildOrderRow.state.in_([s for s in ChildState if s.may_be_at_exchange])
    )
    if account is not None:
        query = query.where(ChildOrderRow.account == account)
    if older_than is not None:
        query = query.where(
            or_(ChildOrderRow.sent_at.is_(None), ChildOrderRow.sent_at <= older_than)
        )
    return session.scalars(query.order_by(ChildOrderRow.child_id)).all()


def child_by_link_id(session: Session, order_link_id: str) -> ChildOrderRow | None:
    return session.scalar(select(ChildOrderRow).where(ChildOrderRow.order_link_id == order_link_id))


def children_of(session: Session, request_id: str) -> Sequence[ChildOrderRow]:
    return session.scalars(
        select(ChildOrderRow)
        .where(ChildOrderRow.request_id == request_id)
        .order_by(ChildOrderRow.slot, ChildOrderRow.attempt)
    ).all()


def open_children(session: Session, request_id: str) -> Sequence[ChildOrderRow]:
    return session.scalars(
        select(ChildOrderRow)
        .where(ChildOrderRow.request_id == request_id, ChildOrderRow.state.not_in(_FINAL_CHILD))
        .order_by(ChildOrderRow.child_id)
    ).all()


def last_attempt(session: Session, request_id: str, slot: int) -> int:
    return (
        session.scalar(
            select(func.max(ChildOrderRow.attempt)).where(
                ChildOrderRow.request_id == request_id, ChildOrderRow.slot == slot
            )
        )
        or 0
    )


def open_parents(session: Session, account: str | None = None) -> Sequence[ParentOrderRow]:
    query = select(ParentOrderRow).where(ParentOrderRow.state.in_(_OPEN_PARENT))
    if account is not None:
        query = query.where(ParentOrderRow.account == account)
    return session.scalars(query.order_by(ParentOrderRow.request_id)).all()


def take_lost_requests(
    session: Session, *, now: datetime, wake_timeout: timedelta, limit: int
) -> Sequence[TradeRequestRow]:
    """Requests that were written first and whose validation never came; marked as woken now."""
    rows = session.scalars(
        select(TradeRequestRow)
        .where(
            TradeRequestRow.status == ExecutionStatus.PENDING_VALIDATION,
            or_(
                TradeRequestRow.wake_at.is_(None),
                TradeRequestRow.wake_at < now - wake_timeout,
            ),
        )
        .order_by(TradeRequestRow.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.wake_at = now
    return rows


def newest_fill_time(session: Session, account: str) -> datetime | None:
    return session.scalar(select(func.max(FillRow.executed_at)).where(FillRow.account == account))
