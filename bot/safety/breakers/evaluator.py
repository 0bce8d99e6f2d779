"""Judges every circuit breaker of one account: one evaluator at a time, by beat and after events.

All of a look is one transaction under an advisory lock: readings, trips, recoveries, escalations.
What it remembers is in the breakers' rows, so that a restart changes nothing. Time counts as the
looks have seen it, so that a clock that jumps neither unlocks nor recovers anything early.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.execution.ports import LimitsSource, MarketCache
from bot.market.correlation import Closes
from bot.risk.breakers.tiers import DrawdownTier
from bot.risk.limits import RiskLimits
from bot.safety.breakers import (
    emergencies,
    endings,
    losses,
    markets,
    recovering,
    tier_history,
    trades,
    trading,
)
from bot.safety.breakers.readings import BreakerKind, BreakerReading
from bot.safety.emergency.stop import request_emergency_stop
from bot.state.breakers import BreakerScope, row_of, trip
from config.keys.breakers import BreakerRules
from models.database import Database, UnitOfWork
from models.enums import BreakerAction, ScopeKind
from models.locks import try_lock_breakers
from models.repositories.safety import bases
from models.tables import BreakerRow, BreakerTripRow

log = logging.getLogger(__name__)

ACTOR = "breakers"
_YELLOW_SHARE = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class BreakerReport:
    """What one look did."""

    looked_at: int
    tripped: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()
    stopped: str | None = None
    """Why trading was halted; None when it was not."""
    flatten: bool = False
    """Whether the open positions are closed as well."""
    was_halted: bool = False
    """Whether trading was stopped as strictly before."""


@dataclass
class BreakerEvaluator:
    """Judges one account's breakers. `production` forbids every recovery without a person."""

    db: Database
    account: str
    symbols: Sequence[str]
    market: MarketCache
    limits: LimitsSource
    clock: Clock
    production: bool
    follow: Callable[[BreakerReport], object]
    """Takes the further steps of an emergency stop, whose state is latched: cancels and seals."""

    def evaluate(self) -> BreakerReport | None:
        """One look; None when another evaluator is at it.

        An escalation latches the emergency stop with the same commit. Its further steps follow from
        the state's row, also where this process dies before it takes them.
        """
        limits = self.limits.limits()
        with self.db.unit_of_work() as uow:
            if not try_lock_breakers(uow.session, self.account):
                return None
            report = self._look(uow, limits, self.clock.now())
            uow.commit()
        if report.stopped is not None:
            self.follow(report)
        return report

    def note_closes(self, closes: Mapping[str, Closes]) -> None:
        """Measures volatility and correlations by the minute closes of the traded symbols."""
        minutes = self.limits.limits().breakers.volatility_window_minutes
        self.note_figures(markets.figures_of(closes, minutes, self.clock.now()))

    def note_figures(self, figures: markets.BarFigures) -> None:
        """Keeps the figures of the minute bars for the next looks."""
        with self.db.unit_of_work() as uow:
            row = row_of(uow.session, self._whole, BreakerKind.CORRELATION, figures.at)
            row.memory = {
                "at": figures.at.isoformat(),
                "volatility": dict(figures.volatility),
                "shift": figures.shift,
            }
            uow.commit()

    @property
    def _whole(self) -> BreakerScope:
        return BreakerScope(ScopeKind.ACCOUNT, self.account)

    def _look(self, uow: UnitOfWork, limits: RiskLimits, now: datetime) -> BreakerReport:
        tripped: list[str] = []
        readings = list(self._readings(uow.session, limits, now))
        for reading in readings:
            row = row_of(uow.session, reading.scope, reading.kind, now)
            before = row.memory
            if reading.breached:
                # Also where it is tripped: a state that was loosened meanwhile gets strict again.
                if trip(uow, self.account, reading.finding(), actor=ACTOR, now=now):
                    tripped.append(f"{reading.kind} of {reading.scope}")
                _deepen(row, reading)
            elif not row.tripped:
                row.value, row.limit, row.window = reading.value, reading.limit, reading.window
            elif reading.value is not None and reading.clears and reading.is_over:
                endings.note_within_again(uow.session, reading.scope, reading.kind, now)
            if reading.memory is not None:
                row.memory = reading.memory
            if reading.kind is BreakerKind.DRAWDOWN and reading.memory is not None:
                row.memory = tier_history.note(
                    uow, self.account, ACTOR, before, reading.memory, now
                )
                if not row.tripped:
                    yellow = reading.memory["tier"] == DrawdownTier.YELLOW
                    row.share = _YELLOW_SHARE if yellow else None
        uow.session.flush()
        endings.note_flat(uow.session, self.account, now)
        progress = recovering.advance(
            uow,
            self.account,
            limits.breakers,
            readings,
            now,
            may_recover=limits.breakers.auto_recovery and not self.production,
        )
        looked = BreakerReport(len(readings), tuple(tripped), progress)
        return self._escalate(uow, limits, looked, now)

    def _readings(
        self, session: Session, limits: RiskLimits, now: datetime
    ) -> Iterator[BreakerReading]:
        account, whole = self.account, self._whole
        memories = _memories(session)
        day = bases.newest_day(session, account)
        if day is not None:
            loss = losses.daily_loss(
                session, day, whole, limits, now, memories.get(_key(whole, BreakerKind.DAILY_LOSS))
            )
            if loss is not None:
                yield loss
            fallen = losses.drawdown(
                day, whole, limits, now, memories.get(_key(whole, BreakerKind.DRAWDOWN))
            )
            if fallen is not None:
                yield fallen
        equity = None if day is None else day.confirmed_equity
        yield trading.failure_rate(session, account, limits, now)
        yield from trading.churn(session, account, limits, equity, now)
        yield from trades.judge(session, account, limits, equity, now)
        of_symbols = {
            symbol: memories.get((ScopeKind.SYMBOL, symbol, BreakerKind.DATA))
            for symbol in self.symbols
        }
        yield from markets.data(self.market, self.symbols, limits, now, of_symbols)
        figures = _figures(memories.get(_key(whole, BreakerKind.CORRELATION)))
        yield from markets.bars(account, figures, limits, now)

    def _escalate(
        self, uow: UnitOfWork, limits: RiskLimits, looked: BreakerReport, now: datetime
    ) -> BreakerReport:
        """Halts for a breaker of the account that asks for it, trips again and again, or lasts, and
        for a trigger of the emergency stop that fires."""
        rows = uow.session.scalars(
            select(BreakerRow)
            .where(
                BreakerRow.tripped,
                BreakerRow.scope_kind == ScopeKind.ACCOUNT,
                BreakerRow.escalated_at.is_(None),
            )
            .order_by(BreakerRow.kind)
        ).all()
        why: list[str] = []
        flatten = False
        for row in rows:
            reason = self._reason_to_stop(uow.session, row, limits.breakers, now)
            if reason is None:
                continue
            row.escalated_at = now
            flatten = flatten or row.action is BreakerAction.FLATTEN
            why.append(f"breaker {row.kind} {reason}: {row.reason}")
        fired = emergencies.judge(uow, self.account, limits, now)
        if fired is not None:
            why.append(fired)
        if not why:
            return looked
        text = "; ".join(why)
        was_halted = request_emergency_stop(uow, text, now, flatten=flatten, actor=ACTOR)
        return replace(looked, stopped=text, flatten=flatten, was_halted=was_halted)

    def _reason_to_stop(
        self, session: Session, row: BreakerRow, rules: BreakerRules, now: datetime
    ) -> str | None:
        if row.action is BreakerAction.FLATTEN:
            return "asks for the emergency stop"
        if row.until is not None:
            return None  # a timed lock ends by itself
        minutes = rules.escalate_after_minutes
        if minutes is not None and row.waited_seconds >= minutes * 60:
            return f"has been tripped for {minutes:g} minutes"
        most = rules.escalate_after_trips
        if most is None:
            return None
        trips = session.scalars(
            select(BreakerTripRow.trip_id).where(
                BreakerTripRow.scope_kind == row.scope_kind,
                BreakerTripRow.scope_key == row.scope_key,
                BreakerTripRow.kind == row.kind,
                BreakerTripRow.tripped_at > now - timedelta(hours=24),
            )
        ).all()
        return f"tripped {len(trips)} times within 24 hours" if len(trips) >= most else None


def _deepen(row: BreakerRow, reading: BreakerReading) -> None:
    """A tripped breaker takes a stricter action, or a later end of its lock, but never a milder
    one."""
    if reading.action is BreakerAction.FLATTEN and row.action is not BreakerAction.FLATTEN:
        row.action, row.reason, row.value = reading.action, reading.reason, reading.value
        row.escalated_at = None
    if row.until is not None and reading.until is not None:
        row.until = max(row.until, reading.until)


def _key(scope: BreakerScope, kind: BreakerKind) -> tuple[str, str, str]:
    return (scope.kind, scope.key, kind)


def _memories(session: Session) -> dict[tuple[str, str, str], dict[str, Any] | None]:
    rows = session.scalars(select(BreakerRow).execution_options(populate_existing=True))
    return {(row.scope_kind, row.scope_key, row.kind): row.memory for row in rows}


def _figures(memory: dict[str, Any] | None) -> markets.BarFigures | None:
    if not memory or "at" not in memory:
        return None
    at = datetime.fromisoformat(memory["at"])
    return markets.BarFigures(at, memory.get("volatility") or {}, memory.get("shift"))
