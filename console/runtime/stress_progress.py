"""How far the messages of a stress test have come, by the rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.safety.stress_load import STRATEGIES, STRATEGY
from console.views.limit_use import LimitUse, highest, limit_uses
from models.amounts import ZERO
from models.enums import ExecutionStatus, Verdict
from models.open_rows import PARENT_IS_OPEN
from models.tables import (
    BreakerTripRow,
    ChildOrderRow,
    DecisionFiguresRow,
    DecisionRow,
    FillRow,
    ParentOrderRow,
    PositionRow,
    StrategyShareRow,
    TradeRequestRow,
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What the rows say in the middle of a test."""

    undecided: int
    """Requests that wait for their decision."""
    under_way: int
    """Orders that have not ended."""
    sent: int
    """Orders that went out."""
    volume: Decimal
    """What was traded. Unit: quote currency."""
    held: Mapping[str, Decimal]
    """What the test's strategy holds by symbol, at the price of the exchange's mark or else of the
    entry. Unit: quote currency."""

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self.undecided and not self.under_way


def progress_of(session: Session, account: str, since: datetime) -> Progress:
    """The progress of the requests that came since then."""
    request = TradeRequestRow
    ours = (
        request.account == account,
        request.strategy.in_(STRATEGIES),
        request.received_at >= since,
    )
    undecided = session.scalar(
        select(func.count())
        .select_from(request)
        .where(*ours, request.status == ExecutionStatus.PENDING_VALIDATION)
    )
    under_way = session.scalar(
        select(func.count())
        .select_from(ParentOrderRow)
        .join(request, request.request_id == ParentOrderRow.request_id)
        .where(*ours, PARENT_IS_OPEN)
    )
    sent = session.scalar(
        select(func.coalesce(func.sum(ChildOrderRow.posts), 0))
        .join(request, request.request_id == ChildOrderRow.request_id)
        .where(*ours)
    )
    volume = session.scalar(
        select(func.coalesce(func.sum(FillRow.qty * FillRow.price), 0))
        .join(ChildOrderRow, ChildOrderRow.child_id == FillRow.child_id)
        .join(request, request.request_id == ChildOrderRow.request_id)
        .where(*ours)
    )
    return Progress(
        undecided or 0, under_way or 0, int(sent or 0), Decimal(volume or 0), held(session, account)
    )


def held(session: Session, account: str) -> Mapping[str, Decimal]:
    """What the test's strategy holds long, by symbol. Unit: quote currency."""
    share, position = StrategyShareRow, PositionRow
    rows = session.execute(
        select(
            share.symbol,
            share.filled_qty + share.taken_qty,
            func.coalesce(position.mark_price, position.entry_price),
        )
        .join(
            position,
            (position.account == share.account) & (position.symbol == share.symbol),
            isouter=True,
        )
        .where(share.account == account, share.strategy == STRATEGY)
    )
    return {symbol: qty * (price or ZERO) for symbol, qty, price in rows if qty > ZERO}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rows say after a test."""

    latencies: list[float] = field(default_factory=list)
    """From the row of a request to its decision, in seconds, ordered."""
    verdicts: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    """The reasons of the entries that were denied although they were sure."""
    fullest: LimitUse | None = None
    """The limit that an approved request has used most."""
    tripped: tuple[str, ...] = ()
    """The breakers that tripped meanwhile."""


def outcome_of(session: Session, account: str, since: datetime) -> Outcome:
    """The decisions about requests that came since then, and the breakers that tripped."""
    request, figures = TradeRequestRow, DecisionFiguresRow
    waited = func.extract("epoch", figures.decided_at - request.received_at)
    rows = session.execute(
        select(waited, figures.verdict, figures.reasons, figures.confidence)
        .join(request, request.request_id == figures.request_id)
        .where(
            request.account == account,
            request.strategy.in_(STRATEGIES),
            request.received_at >= since,
        )
    ).all()
    reasons = Counter(reason for row in rows if row.confidence for reason in row.reasons)
    approved = session.scalars(
        select(DecisionRow.decision)
        .join(request, request.request_id == DecisionRow.request_id)
        .where(
            DecisionRow.account == account,
            request.strategy.in_(STRATEGIES),
            request.received_at >= since,
            DecisionRow.verdict != Verdict.DENY,
        )
    )
    uses = highest(use for decision in approved for use in limit_uses(decision)).values()
    tripped = session.scalars(select(BreakerTripRow.kind).where(BreakerTripRow.tripped_at >= since))
    return Outcome(
        sorted(max(0.0, float(row[0])) for row in rows),
        dict(Counter(str(row.verdict) for row in rows)),
        dict(reasons.most_common()),
        max(uses, key=lambda use: use.share, default=None),
        tuple(sorted({str(kind) for kind in tripped})),
    )
