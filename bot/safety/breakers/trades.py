"""Breakers that follow from closed trades: losing streaks, stops, cooldown and low profit.

A strategy's own daily loss is here too. It counts the profit and loss of its trades, so that the
price of a collateral never trips it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk.breakers.history import (
    ClosedTrade,
    Cooldown,
    LowProfit,
    StoplossGuard,
    consecutive_losses,
)
from bot.risk.breakers.locks import Lock, LockSide
from bot.risk.limits import RiskLimits
from bot.safety.breakers.readings import BreakerKind, BreakerReading
from bot.safety.positions.conditions import Cause
from bot.state.breakers import BreakerScope
from models.enums import BreakerSide, ScopeKind, TradeSide
from models.tables import BreakerRow, ParentOrderRow, PositionExitRow

_STOPS = (Cause.STOP_LOSS, Cause.STRATEGY_STOP, Cause.TRAILING_STOP, Cause.LIQUIDATION)
"""The causes of the position monitor's exits that are stops."""
_STREAK = timedelta(hours=24)
_SIDES = {
    BreakerSide.BOTH: BreakerKind.LOW_PROFIT,
    BreakerSide.LONG: BreakerKind.LOW_PROFIT_LONG,
    BreakerSide.SHORT: BreakerKind.LOW_PROFIT_SHORT,
}


@dataclass(frozen=True, slots=True)
class StrategyTrade:
    """A closed trade with the strategy that closed it and its result in quote currency."""

    trade: ClosedTrade
    strategy: str
    result: Decimal


def closed_trades(session: Session, account: str, since: datetime) -> list[StrategyTrade]:
    """The account's trades that closed something since then, newest last."""
    stop = select(PositionExitRow.request_id).where(
        PositionExitRow.account == account, PositionExitRow.cause.in_(_STOPS)
    )
    rows = session.execute(
        select(
            ParentOrderRow.symbol,
            ParentOrderRow.side,
            ParentOrderRow.strategy,
            ParentOrderRow.finished_at,
            ParentOrderRow.realised_pnl,
            ParentOrderRow.filled_notional,
            ParentOrderRow.request_id.in_(stop).label("stopped"),
        )
        .where(
            ParentOrderRow.account == account,
            ParentOrderRow.finished_at > since,
            ParentOrderRow.realised_pnl != 0,
        )
        .order_by(ParentOrderRow.finished_at)
    )
    return [
        StrategyTrade(
            ClosedTrade(
                symbol=row.symbol,
                side=LockSide.LONG if row.side is TradeSide.SELL else LockSide.SHORT,
                closed_at=row.finished_at,
                profit=row.realised_pnl / row.filled_notional,
                stopped_out=row.stopped,
            ),
            row.strategy,
            row.realised_pnl,
        )
        for row in rows
        if row.filled_notional > 0
    ]


def judge(
    session: Session, account: str, limits: RiskLimits, equity: Decimal | None, now: datetime
) -> Iterator[BreakerReading]:
    """Every breaker that follows from closed trades."""
    rules = limits.breakers
    windows = [_STREAK, timedelta(minutes=rules.low_profit_window_minutes)]
    windows += [timedelta(minutes=rules.stop_guard_window_minutes)]
    found = closed_trades(session, account, now - max(windows))
    yield from _streaks(session, account, found, limits, now)
    yield from _strategy_losses(session, found, limits, equity, now)
    yield from _locks([one.trade for one in found], account, limits, now)


def _streaks(
    session: Session,
    account: str,
    found: Sequence[StrategyTrade],
    limits: RiskLimits,
    now: datetime,
) -> Iterator[BreakerReading]:
    """Losses in a row of the account and of each strategy, since the breaker's last reset."""
    scopes = [BreakerScope(ScopeKind.ACCOUNT, account)]
    scopes += [BreakerScope(ScopeKind.STRATEGY, name) for name in sorted(_names(found))]
    since = _reset_at(session, BreakerKind.STREAK)
    limit = limits.max_consecutive_losses
    for scope in scopes:
        begun = max(now - _STREAK, since.get((scope.kind, scope.key), now - _STREAK))
        trades = [
            one.trade
            for one in found
            if one.trade.closed_at > begun
            and (scope.kind is ScopeKind.ACCOUNT or one.strategy == scope.key)
        ]
        count = consecutive_losses(trades)
        yield BreakerReading(
            kind=BreakerKind.STREAK,
            scope=scope,
            value=str(count),
            limit=str(limit),
            window="24 hours",
            breached=count >= limit,
            reason=f"{count} losing trades in a row; the limit is {limit}",
            clears=False,
        )


def _strategy_losses(
    session: Session,
    found: Sequence[StrategyTrade],
    limits: RiskLimits,
    equity: Decimal | None,
    now: datetime,
) -> Iterator[BreakerReading]:
    """The realised loss of each strategy since the UTC day's start, as a share of the equity."""
    if equity is None or equity <= 0:
        return
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = _reset_at(session, BreakerKind.DAILY_LOSS)
    limit = limits.max_daily_loss_share
    for name in sorted(_names(found)):
        scope = BreakerScope(ScopeKind.STRATEGY, name)
        begun = max(midnight, since.get((scope.kind, scope.key), midnight))
        mine = (o.result for o in found if o.strategy == name and o.trade.closed_at > begun)
        lost = -sum(mine, Decimal(0)) / equity
        yield BreakerReading(
            kind=BreakerKind.DAILY_LOSS,
            scope=scope,
            value=f"{lost:.6f}",
            limit=format(limit, "f"),
            window="since 00:00 UTC, by its closed trades",
            breached=lost >= limit,
            reason=f"the strategy has lost {lost:.2%} of the equity; the limit is {limit:.2%}",
        )


def _locks(
    trades: Sequence[ClosedTrade], account: str, limits: RiskLimits, now: datetime
) -> Iterator[BreakerReading]:
    """The timed locks: the stop-loss guard of the account, and those of each symbol and side."""
    rules = limits.breakers
    if rules.stop_guard_stops is not None:
        guard = StoplossGuard(
            timedelta(minutes=rules.stop_guard_window_minutes),
            rules.stop_guard_stops,
            timedelta(minutes=rules.stop_guard_lock_minutes),
        )
        scope = BreakerScope(ScopeKind.ACCOUNT, account)
        stops = sum(
            one.stopped_out and one.profit < 0 and now - guard.window <= one.closed_at <= now
            for one in trades
        )
        window = f"{rules.stop_guard_window_minutes:g} minutes"
        lock = guard.judge(trades, now)
        yield _lock(BreakerKind.STOP_GUARD, scope, lock, (str(stops), str(guard.limit), window))
    for symbol in sorted({one.symbol for one in trades}):
        scope = BreakerScope(ScopeKind.SYMBOL, symbol)
        if rules.cooldown_minutes is not None:
            pause = Cooldown(timedelta(minutes=rules.cooldown_minutes))
            lock = pause.judge(trades, now, symbol)
            window = f"{rules.cooldown_minutes:g} minutes"
            yield _lock(BreakerKind.COOLDOWN, scope, lock, ("a close", "no close", window))
        if rules.low_profit_trades is not None:
            yield from _low_profits(trades, symbol, limits, now)


def _low_profits(
    trades: Sequence[ClosedTrade], symbol: str, limits: RiskLimits, now: datetime
) -> Iterator[BreakerReading]:
    rules = limits.breakers
    rule = LowProfit(
        timedelta(minutes=rules.low_profit_window_minutes),
        rules.low_profit_trades or 1,
        rules.low_profit_required,
        timedelta(minutes=rules.low_profit_lock_minutes),
    )
    for side, kind in _SIDES.items():
        lock = rule.judge(trades, now, symbol, LockSide(side.value))
        scope = BreakerScope(ScopeKind.SYMBOL, symbol, side)
        window = f"{rules.low_profit_window_minutes:g} minutes"
        needed = format(rules.low_profit_required, "f")
        yield _lock(kind, scope, lock, ("the sum", needed, window))


def _lock(
    kind: BreakerKind, scope: BreakerScope, lock: Lock | None, told: tuple[str, str, str]
) -> BreakerReading:
    value, limit, window = told
    return BreakerReading(
        kind=kind,
        scope=scope,
        value=value,
        limit=limit,
        window=window,
        breached=lock is not None,
        reason="" if lock is None else lock.reason,
        until=None if lock is None else lock.until,
    )


def _names(found: Sequence[StrategyTrade]) -> set[str]:
    return {one.strategy for one in found if one.strategy}


def _reset_at(session: Session, kind: BreakerKind) -> dict[tuple[str, str], datetime]:
    """When each scope's breaker of this kind was reset last."""
    rows = session.scalars(
        select(BreakerRow).where(
            BreakerRow.kind == kind, BreakerRow.count > 0, BreakerRow.tripped.is_(False)
        )
    )
    return {(row.scope_kind, row.scope_key): row.changed_at for row in rows}
