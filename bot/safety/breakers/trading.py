"""Breakers that follow from our own orders: executions that fail, and strategies in circles."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bot.risk.breakers.activity import SentOrder, Turnover, failures, is_churn
from bot.risk.limits import RiskLimits
from bot.safety.breakers.readings import BreakerKind, BreakerReading
from bot.state.breakers import BreakerScope
from models.enums import ChildState, ScopeKind, TradeSide
from models.tables import BreakerRow, ChildOrderRow, FillRow, ParentOrderRow

_PATIENCE = timedelta(seconds=5)
"""An order without a known outcome for so long counts as failed. Any other outcome counts at
once."""


def failure_rate(
    session: Session, account: str, limits: RiskLimits, now: datetime
) -> BreakerReading:
    """The part of the recent child orders that failed by our fault or the venue's."""
    rules = limits.breakers
    scope = BreakerScope(ScopeKind.ACCOUNT, account)
    since = now - timedelta(minutes=rules.execution_window_minutes)
    known = session.get(BreakerRow, (scope.kind, scope.key, BreakerKind.EXECUTION))
    if known is not None and known.count and not known.tripped:
        since = max(since, known.changed_at)  # judged before the reset
    rows = session.execute(
        select(
            ChildOrderRow.state,
            ChildOrderRow.venue_reason,
            ChildOrderRow.ret_code,
            ChildOrderRow.filled_qty,
        ).where(
            ChildOrderRow.account == account,
            ChildOrderRow.sent_at > since,
            or_(
                ChildOrderRow.sent_at <= now - _PATIENCE,
                ChildOrderRow.state != ChildState.UNKNOWN,
            ),
        )
    )
    failed, total = failures(
        SentOrder(row.state, row.venue_reason, bool(row.ret_code), row.filled_qty > 0)
        for row in rows
    )
    limit = rules.max_execution_failure_rate
    rate = failed / total if total else 0.0
    return BreakerReading(
        kind=BreakerKind.EXECUTION,
        scope=scope,
        value=f"{rate:.4f}",
        limit=f"{limit:g}",
        window=f"{rules.execution_window_minutes:g} minutes, {total} orders",
        breached=total >= rules.failure_sample and rate >= limit,
        reason=f"{failed} of {total} recent orders failed",
    )


def churn(
    session: Session, account: str, limits: RiskLimits, equity: Decimal | None, now: datetime
) -> Iterator[BreakerReading]:
    """Each strategy's turnover in each symbol, against the change of its position."""
    rules = limits.breakers
    if rules.churn_turnover is None or equity is None:
        return
    since = now - timedelta(minutes=rules.churn_window_minutes)
    worst: dict[str, tuple[str, Turnover]] = {}
    for (strategy, symbol), turnover in _turnovers(session, account, since).items():
        held = worst.get(strategy)
        if held is None or turnover.gross - turnover.net > held[1].gross - held[1].net:
            worst[strategy] = (symbol, turnover)
    for strategy, (symbol, turnover) in worst.items():
        churns = is_churn(turnover, equity, least=rules.churn_turnover, ratio=rules.churn_ratio)
        yield BreakerReading(
            kind=BreakerKind.CHURN,
            scope=BreakerScope(ScopeKind.STRATEGY, strategy),
            value=f"{turnover.gross / equity:.3f}",
            limit=format(rules.churn_turnover, "f"),
            window=f"{rules.churn_window_minutes:g} minutes, {symbol}",
            breached=churns,
            reason=(
                f"{turnover.gross:.2f} were traded in {symbol} for a change of {turnover.net:.2f}"
            ),
        )


def _turnovers(session: Session, account: str, since: datetime) -> dict[tuple[str, str], Turnover]:
    value = func.sum(FillRow.qty * FillRow.price)
    rows = session.execute(
        select(ParentOrderRow.strategy, FillRow.symbol, FillRow.side, value)
        .join(ChildOrderRow, ChildOrderRow.child_id == FillRow.child_id)
        .join(ParentOrderRow, ParentOrderRow.request_id == ChildOrderRow.request_id)
        .where(
            FillRow.account == account,
            FillRow.executed_at > since,
            ParentOrderRow.strategy != "",
        )
        .group_by(ParentOrderRow.strategy, FillRow.symbol, FillRow.side)
    )
    found: dict[tuple[str, str], dict[TradeSide, Decimal]] = {}
    for strategy, symbol, side, traded in rows:
        found.setdefault((strategy, symbol), {})[side] = traded
    zero = Decimal(0)
    return {
        key: Turnover(sides.get(TradeSide.BUY, zero), sides.get(TradeSide.SELL, zero))
        for key, sides in found.items()
    }
