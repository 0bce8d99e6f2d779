"""Queries on blocked trades and on what they would have been worth."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Double, cast, func, literal, select, tuple_
from sqlalchemy.orm import Session

from models.enums import Verdict
from models.tables import DecisionFiguresRow, DecisionRow, FillRow, GateValueRow

_BLOCKS = (Verdict.DENY, Verdict.SHRINK)


def unjudged(
    session: Session,
    account: str,
    after: tuple[datetime, str],
    now: datetime,
    *,
    default_horizon: timedelta,
    limit: int,
) -> Sequence[DecisionRow]:
    """Denied and shrunk decisions whose horizon is over by `now` and that have no worth yet, oldest
    first, from the one after this time and request id on."""
    figures, decision = DecisionFiguresRow, DecisionRow
    judged = select(GateValueRow.request_id).where(GateValueRow.request_id == figures.request_id)
    asked = cast(decision.intent["horizon_seconds"].astext, Double)
    seconds = func.least(
        func.greatest(func.coalesce(asked, default_horizon.total_seconds()), 60.0), 86_400.0
    )
    # The horizon ends with a whole minute.
    over = figures.decided_at + (seconds + 60.0) * timedelta(seconds=1)
    return session.scalars(
        select(decision)
        .join(figures, figures.request_id == decision.request_id)
        .where(
            tuple_(figures.decided_at, figures.request_id)
            > tuple_(literal(after[0]), literal(after[1])),
            figures.verdict.in_(_BLOCKS),
            decision.account == account,
            ~judged.exists(),
            over <= now,
        )
        .order_by(figures.decided_at, figures.request_id)
        .limit(limit)
    ).all()


def between(session: Session, since: datetime, until: datetime) -> Sequence[GateValueRow]:
    """The ledger's lines of requests decided in [since, until), oldest first."""
    row = GateValueRow
    return session.scalars(
        select(row)
        .where(row.decided_at >= since, row.decided_at < until)
        .order_by(row.decided_at, row.request_id)
    ).all()


def first_decision(session: Session, since: datetime) -> datetime | None:
    """The time of the first decision since then; None without one."""
    return session.scalar(
        select(func.min(DecisionFiguresRow.decided_at)).where(
            DecisionFiguresRow.decided_at >= since
        )
    )


def blocked(session: Session, since: datetime, until: datetime) -> int:
    """How many decisions in [since, until) denied or shrank."""
    figures = DecisionFiguresRow
    counted = select(func.count()).where(
        figures.decided_at >= since,
        figures.decided_at < until,
        figures.verdict.in_(_BLOCKS),
    )
    return session.scalar(counted) or 0


def taker_fee_rate(session: Session, account: str, since: datetime, most: int) -> Decimal | None:
    """The share of the notional that this account paid as a taker in quote currency, in its newest
    fills since then; None without such a fill."""
    fill = FillRow
    newest = (
        select(fill.fee.label("fee"), (fill.qty * fill.price).label("notional"))
        .where(
            fill.account == account,
            fill.executed_at >= since,
            fill.is_maker.is_(False),
            fill.symbol.like(func.concat("%", fill.fee_currency)),
        )
        .order_by(fill.executed_at.desc())
        .limit(most)
        .subquery()
    )
    fees, notional = session.execute(
        select(func.sum(newest.c.fee), func.sum(newest.c.notional))
    ).one()
    return Decimal(fees) / Decimal(notional) if notional else None
