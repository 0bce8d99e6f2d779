"""Reads the stored trips of a period, with what helped and what was lost until flat."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import Session

from bot.safety.breakers.quality import PastTrip
from models.enums import ScopeKind
from models.tables import BreakerTripRow, CashFlowRow, ChildOrderRow, FillRow, ParentOrderRow


def trips_of(session: Session, account: str, since: datetime, until: datetime) -> list[PastTrip]:
    """Every trip that began before `until` and had not ended before `since`, oldest first."""
    rows = session.scalars(
        select(BreakerTripRow)
        .where(
            BreakerTripRow.tripped_at < until,
            or_(BreakerTripRow.resumed_at.is_(None), BreakerTripRow.resumed_at > since),
        )
        .order_by(BreakerTripRow.tripped_at)
    ).all()
    return [_trip(session, account, row) for row in rows]


def _trip(session: Session, account: str, row: BreakerTripRow) -> PastTrip:
    again = row.within_again_at
    return PastTrip(
        kind=row.kind,
        scope=f"{row.scope_kind}:{row.scope_key}:{row.side}",
        at=row.tripped_at,
        action=row.action,
        within_again_at=again,
        was_helped=again is not None and _was_reduced(session, account, row, again),
        ended_at=row.resumed_at,
        loss=_loss(session, account, row),
    )


def _was_reduced(session: Session, account: str, row: BreakerTripRow, until: datetime) -> bool:
    """Whether an exit, a stop or somebody else filled anything in the trip's scope meanwhile."""
    found = session.execute(
        select(FillRow.exec_id)
        .outerjoin(ChildOrderRow, ChildOrderRow.child_id == FillRow.child_id)
        .outerjoin(ParentOrderRow, ParentOrderRow.request_id == ChildOrderRow.request_id)
        .where(
            FillRow.account == account,
            FillRow.executed_at > row.tripped_at,
            FillRow.executed_at <= until,
            or_(FillRow.child_id.is_(None), ChildOrderRow.reduce_only),
            _within(row),
        )
        .limit(1)
    )
    return found.first() is not None


def _within(row: BreakerTripRow) -> ColumnElement[bool]:
    if row.scope_kind == ScopeKind.SYMBOL:
        return FillRow.symbol == row.scope_key
    if row.scope_kind == ScopeKind.STRATEGY:
        return ParentOrderRow.strategy == row.scope_key
    return true()


def _loss(session: Session, account: str, row: BreakerTripRow) -> Decimal | None:
    """The share of the equity that was lost; None when an end or the worth of a cash flow is
    unknown."""
    if row.equity is None or row.flat_at is None or row.flat_equity is None:
        return None
    base = row.equity
    for share in _flow_shares(session, account, row.tripped_at, row.flat_at):
        if share is None:
            return None
        base *= share
    return (base - row.flat_equity) / base if base > 0 else None


def _flow_shares(
    session: Session, account: str, after: datetime, until: datetime
) -> Sequence[Decimal | None]:
    return session.scalars(
        select(CashFlowRow.share).where(
            CashFlowRow.account == account, CashFlowRow.at > after, CashFlowRow.at <= until
        )
    ).all()
