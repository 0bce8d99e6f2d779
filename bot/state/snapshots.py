"""Freezes the risk snapshot of one decision from Postgres and the market reading."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from bot.market.reading import MarketReading
from bot.risk.snapshot import (
    BreakerView,
    InstrumentView,
    LeaseView,
    PortfolioView,
    PositionView,
    RiskSnapshot,
    ScopeState,
    SeenPrice,
    ShareView,
    StageView,
    TradeIntent,
    WorkingView,
)
from bot.state import fitness, lease
from models.amounts import compact
from models.enums import ScopeKind, TradeSide, TradingState
from models.repositories.portfolio import HeldPosition
from models.repositories.safety import states
from models.repositories.trading import snapshot_query
from models.repositories.trading.snapshot_query import AccountFacts
from models.tables import InstrumentRow


def take(
    session: Session,
    intent: TradeIntent,
    market: MarketReading,
    now: datetime,
) -> tuple[RiskSnapshot, int]:
    """The snapshot, and the epoch sum of the trading states and the stage that it saw."""
    trade = snapshot_query.TradeKey(
        intent.account, intent.strategy, intent.symbol, intent.side, intent.notional
    )
    found = snapshot_query.read(session, trade, now)
    views = tuple(
        ScopeState(f"{row.scope_kind}:{row.scope_key}", row.state, row.reason)
        for row in found.states
    )
    if not any(row.scope_kind == ScopeKind.GLOBAL for row in found.states):
        views = ()
    snapshot = RiskSnapshot(
        taken_at=now,
        instrument=None if found.instrument is None else _instrument_view(found.instrument),
        market=market.view,
        portfolio=_portfolio_view(found, market, intent),
        states=views,
        breakers=_breakers(found, intent.account, now),
        correlations=market.correlations,
        newest_fill=None if found.newest_fill is None else _seen(*found.newest_fill),
        lease=_lease(found),
        recovery_share=_recovery_share(found),
        strategy=_stage(found),
    )
    return snapshot, states.epoch_sum(found.states) + found.stage.epoch


def _breakers(found: AccountFacts, account: str, now: datetime) -> tuple[BreakerView, ...]:
    """The tripped breakers; an account that is not known to be fit counts as one."""
    tripped = tuple(
        BreakerView(row.kind, f"{row.scope_kind}:{row.scope_key}", row.reason)
        for row in found.breakers
    )
    unfit = fitness.problem(fitness.of_facts(found.fitness), now)
    if unfit is None:
        return tripped
    return (*tripped, BreakerView(fitness.KIND, f"{ScopeKind.ACCOUNT}:{account}", unfit))


def _lease(found: AccountFacts) -> LeaseView:
    """A missing lease is one that does not stand."""
    known = None if found.lease is None else lease.of_facts(*found.lease)
    return LeaseView(lease.problem(known), 0 if known is None else known.epoch)


def _stage(found: AccountFacts) -> StageView:
    known, held = found.stage, found.stage_exposure
    return StageView(
        stage=known.stage,
        real_money=known.real_money,
        epoch=known.epoch,
        reason=known.reason,
        max_trade_notional=_maybe_compact(known.max_trade_notional),
        max_exposure=_maybe_compact(known.max_exposure),
        exposure=None if held is None else compact(held + found.own_reserved),
    )


def _recovery_share(found: AccountFacts) -> float:
    """The smallest share that breakers and recoveries allow. A scope that recovers without a
    recovery's row allows no size."""
    shares = (
        found.recoveries.get((row.scope_kind, row.scope_key), Decimal(0))
        for row in found.states
        if row.state == TradingState.RECOVERING
    )
    return float(min((found.size_share, *shares)))


def _instrument_view(row: InstrumentRow) -> InstrumentView:
    return InstrumentView(
        symbol=row.symbol,
        tick_size=compact(row.tick_size),
        qty_step=compact(row.qty_step),
        min_qty=compact(row.min_qty),
        max_qty=compact(row.max_qty),
        min_notional=compact(row.min_notional),
        max_leverage=compact(row.max_leverage),
        status=row.status,
        refreshed_at=row.refreshed_at,
    )


def _held(found: AccountFacts, intent: TradeIntent) -> list[HeldPosition]:
    """Our positions by fills. An exit is judged by the exchange's position if that is larger. It is
    sent reduce-only, so it opens nothing if the exchange was wrong."""
    if not intent.reduce_only or not found.unbooked:
        return found.positions
    own = next((p for p in found.positions if p.symbol == intent.symbol), None)
    booked = Decimal(0) if own is None else own.qty
    seen, sign = booked + found.unbooked, intent.side.sign
    if -seen * sign <= max(Decimal(0), -booked * sign):
        return found.positions
    others = [p for p in found.positions if p.symbol != intent.symbol]
    theirs = HeldPosition(intent.symbol, seen, None, None)
    if own is not None:
        theirs = replace(own, qty=seen)
    return sorted([*others, theirs], key=lambda p: p.symbol)


def _portfolio_view(
    found: AccountFacts, market: MarketReading, intent: TradeIntent
) -> PortfolioView:
    return PortfolioView(
        as_of=found.equity_at,
        equity=_maybe_compact(found.equity),
        available_margin=_maybe_compact(found.available),
        margin_in_flight=compact(_in_flight(found)),
        equity_day_start=_maybe_compact(found.equity_day_start),
        equity_peak=_maybe_compact(found.equity_peak),
        rolling_pnl_24h=_rolling_pnl(found),
        positions=tuple(
            PositionView(
                p.symbol,
                compact(p.qty),
                market.mark(p.symbol),
                _maybe_compact(p.entry_price),
                _maybe_compact(p.liquidation_price),
                _seen(p.mark_price, p.marked_at),
            )
            for p in _held(found, intent)
        ),
        working=tuple(
            WorkingView(
                r.symbol, TradeSide(r.side), compact(r.qty), compact(r.notional), r.reduce_only
            )
            for r in found.reservations
        ),
        consecutive_losses=found.consecutive_losses,
        orders_last_second=found.orders_last_second,
        same_orders_last_minute=found.same_orders_last_minute,
        own=ShareView(compact(found.own_qty), compact(found.own_working)),
        strategy_reserved=compact(found.own_reserved),
    )


def _in_flight(found: AccountFacts) -> Decimal:
    reserved = sum((r.notional for r in found.reservations if not r.reduce_only), Decimal(0))
    return max(Decimal(0), reserved - found.resting_notional) + found.filled_since


def _rolling_pnl(found: AccountFacts) -> Decimal | None:
    if found.equity is None or found.equity_a_day_ago is None:
        return None
    return compact(found.equity - found.equity_a_day_ago)


def _seen(price: Decimal | None, at: datetime | None) -> SeenPrice | None:
    return None if price is None or at is None else SeenPrice(compact(price), at)


def _maybe_compact(value: Decimal | None) -> Decimal | None:
    return None if value is None else compact(value)
