"""Freezes the risk snapshot of one decision from Postgres and the market cache."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.execution.permits import epoch_sum
from bot.execution.ports import MarketCache
from bot.risk.snapshot import (
    BreakerView,
    InstrumentView,
    MarketView,
    PortfolioView,
    PositionView,
    RiskSnapshot,
    ScopeState,
    TradeIntent,
    WorkingView,
)
from models.enums import ChildState, ScopeKind, TradeSide, TradingState, Verdict
from models.repositories import portfolio, states
from models.tables import ChildOrderRow, DecisionRow, InstrumentRow, TradeRequestRow

LOSS_STREAK_WINDOW = timedelta(hours=24)
"""A streak is counted within a day: what was lost before is drawdown, which has its own limit."""


def take(
    session: Session,
    intent: TradeIntent,
    market: MarketView | None,
    marks: MarketCache,
    now: datetime,
) -> tuple[RiskSnapshot, int]:
    """The snapshot, and the epoch sum of the trading states that it saw."""
    rows = states.applicable_states(session, intent.account, intent.strategy, intent.symbol)
    views = tuple(
        ScopeState(f"{row.scope_kind}:{row.scope_key}", TradingState(row.state), row.reason)
        for row in rows
    )
    if not any(row.scope_kind == ScopeKind.GLOBAL for row in rows):
        views = ()
    instrument = portfolio.instrument(session, intent.symbol)
    snapshot = RiskSnapshot(
        taken_at=now,
        instrument=None if instrument is None else _instrument_view(instrument),
        market=market,
        portfolio=_portfolio_view(session, intent, market, marks, now),
        states=views,
        breakers=tuple(
            BreakerView(row.kind, f"{row.scope_kind}:{row.scope_key}", row.reason)
            for row in states.tripped_breakers(
                session, intent.account, intent.strategy, intent.symbol
            )
        ),
        correlations=marks.correlations(intent.symbol),
    )
    return snapshot, epoch_sum(rows)


def _instrument_view(row: InstrumentRow) -> InstrumentView:
    return InstrumentView(
        symbol=row.symbol,
        tick_size=_plain(row.tick_size),
        qty_step=_plain(row.qty_step),
        min_qty=_plain(row.min_qty),
        max_qty=_plain(row.max_qty),
        min_notional=_plain(row.min_notional),
        max_leverage=_plain(row.max_leverage),
        status=row.status,
        refreshed_at=row.refreshed_at,
    )


def _portfolio_view(
    session: Session,
    intent: TradeIntent,
    market: MarketView | None,
    marks: MarketCache,
    now: datetime,
) -> PortfolioView:
    held, reserved = portfolio.exposure(session, intent.account)
    reading = portfolio.latest_equity(session, intent.account)
    day = portfolio.equity_day(session, intent.account, now)
    a_day_ago = portfolio.first_equity_since(session, intent.account, now - timedelta(hours=24))
    view = PortfolioView(
        as_of=None if reading is None else reading.at,
        equity=None if reading is None else _plain(reading.equity),
        available_margin=None if reading is None else _plain(reading.available),
        equity_day_start=None if day is None else _plain(day.start_equity),
        equity_peak=None if day is None else _plain(day.peak_equity),
        positions=tuple(
            PositionView(
                p.symbol,
                _plain(p.qty),
                _mark(p.symbol, intent.symbol, market, marks),
                None if p.entry_price is None else _plain(p.entry_price),
                None if p.liquidation_price is None else _plain(p.liquidation_price),
            )
            for p in held
        ),
        working=tuple(
            WorkingView(
                r.symbol, TradeSide(r.side), _plain(r.qty), _plain(r.notional), r.reduce_only
            )
            for r in reserved
        ),
        consecutive_losses=portfolio.consecutive_losses(
            session, intent.account, since=now - LOSS_STREAK_WINDOW
        ),
        orders_last_second=_orders_since(session, intent.account, now - timedelta(seconds=1)),
        same_orders_last_minute=_same_orders(session, intent, now - timedelta(minutes=1)),
    )
    if reading is not None and a_day_ago is not None:
        view = replace(view, rolling_pnl_24h=_plain(reading.equity - a_day_ago.equity))
    return view


def _mark(
    symbol: str, traded: str, market: MarketView | None, marks: MarketCache
) -> Decimal | None:
    """Value of a held symbol: its mark, or nothing; a last trade is no substitute."""
    view = market if symbol == traded else marks.get(symbol)
    return None if view is None else view.mark


def _orders_since(session: Session, account: str, since: datetime) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(ChildOrderRow)
            .where(
                ChildOrderRow.account == account,
                ChildOrderRow.state != ChildState.PLANNED,
                ChildOrderRow.sent_at > since,
            )
        )
        or 0
    )


def _same_orders(session: Session, intent: TradeIntent, since: datetime) -> int:
    """Approved requests alike in strategy, symbol, side and size: a runaway loop looks so."""
    return (
        session.scalar(
            select(func.count())
            .select_from(DecisionRow)
            .join(TradeRequestRow, TradeRequestRow.request_id == DecisionRow.request_id)
            .where(
                DecisionRow.decided_at > since,
                DecisionRow.account == intent.account,
                DecisionRow.verdict != Verdict.DENY,
                TradeRequestRow.strategy == intent.strategy,
                TradeRequestRow.symbol == intent.symbol,
                TradeRequestRow.side == intent.side,
                TradeRequestRow.payload["signal_data"]["position_size"].astext
                == format(intent.notional, "f"),
            )
        )
        or 0
    )


def _plain(value: Decimal) -> Decimal:
    """Without the trailing zeros of the column's scale, and never in exponent form."""
    return Decimal(format(value.normalize(), "f"))
