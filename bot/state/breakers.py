"""Trips and resets circuit breakers: their rows, their history, and the account's trading state."""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk import alerts
from bot.state import trading_state
from models.database import UnitOfWork
from models.enums import BreakerAction, BreakerSide, ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import BreakerRow, BreakerTripRow, EquityRow, TradingStateRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BreakerScope:
    """What a breaker covers: everything, the account, a strategy or a symbol, and which side."""

    kind: ScopeKind
    key: str
    side: BreakerSide = BreakerSide.BOTH

    def __str__(self) -> str:
        side = "" if self.side is BreakerSide.BOTH else f" {self.side}"
        return f"{self.kind}:{self.key}{side}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a breaker trips: the value that was seen and the limit that it broke, as text."""

    kind: str
    value: str
    limit: str
    reason: str
    scope: BreakerScope | None = None
    """None is the whole account."""
    window: str | None = None
    action: BreakerAction = BreakerAction.REDUCE_ONLY
    until: datetime | None = None
    """The end of a timed lock; None for one that a reset ends."""
    memory: dict[str, Any] | None = field(default=None, compare=False)


def trip(
    uow: UnitOfWork,
    account: str,
    found: Finding,
    *,
    actor: str,
    now: datetime,
) -> bool:
    """Trips a breaker; returns False when it was tripped already.

    A breaker of the account also moves the account's state to REDUCING. A state that was loosened
    while the breaker stayed tripped is tightened again. A breaker of a strategy or a symbol stops
    the entries of that scope alone: the gate and every claim read its row.
    """
    scope = found.scope or BreakerScope(ScopeKind.ACCOUNT, account)
    state: TradingStateRow | None = None
    if scope.kind is ScopeKind.ACCOUNT:
        state = states.lock_state(uow.session, ScopeKind.ACCOUNT, account, now=now, actor=actor)
    row = row_of(uow.session, scope, found.kind, now)
    was_tripped = row.tripped
    reducing = state is None or _is_reducing(state)
    if was_tripped and reducing:
        return False
    if not was_tripped:
        _set(row, found, now)
        uow.session.add(_history(uow.session, account, scope, row, actor))
    said: dict[str, Any] = {}
    if state is not None and not reducing:
        said = trading_state.move(
            state, TradingState.REDUCING, reason=found.reason, actor=actor, now=now
        )
    uow.session.flush()
    beside = [row.kind for row in tripped_of(uow.session, account) if row.kind != found.kind]
    tripped = {
        "breaker": found.kind,
        "value": found.value,
        "limit": found.limit,
        "reason": found.reason,
        "beside": beside if state is not None else [],
    }
    tripped |= said
    subject = f"{scope.kind}:{scope.key}"
    uow.audit(account, "breaker_tripped", subject, actor, tripped, now)
    level = alerts.of_entry("breaker_tripped", tripped)
    log.log(
        alerts.LOG_LEVELS[level],
        "a breaker tripped: %s",
        found.reason,
        extra={"event": "breaker_tripped", "breaker": found.kind, "alert": level.value},
    )
    return True


def row_of(session: Session, scope: BreakerScope, kind: str, now: datetime) -> BreakerRow:
    """The breaker's row, locked; a breaker without one gets a row that is not tripped."""
    key = (scope.kind, scope.key, kind)
    row = session.get(BreakerRow, key, with_for_update=True, populate_existing=True)
    if row is None:
        row = BreakerRow(
            scope_kind=scope.kind,
            scope_key=scope.key,
            kind=kind,
            tripped=False,
            reason="",
            changed_at=now,
            side=scope.side,
            count=0,
            action=BreakerAction.REDUCE_ONLY,
            waited_seconds=0.0,
        )
        session.add(row)
        session.flush()
    return row


def end_trip(session: Session, row: BreakerRow, *, reason: str, actor: str, now: datetime) -> None:
    """Ends a breaker's trip: its row is ready again, and the history has the end."""
    row.tripped, row.reason, row.changed_at = False, reason, now
    row.until, row.escalated_at, row.waited_seconds = None, None, 0.0
    open_trips = session.scalars(
        select(BreakerTripRow).where(
            BreakerTripRow.scope_kind == row.scope_kind,
            BreakerTripRow.scope_key == row.scope_key,
            BreakerTripRow.kind == row.kind,
            BreakerTripRow.resumed_at.is_(None),
        )
    )
    for trip_row in open_trips:
        trip_row.resumed_at, trip_row.resumed_by = now, actor
        trip_row.resume_reason = reason


def tripped_of(session: Session, account: str) -> list[BreakerRow]:
    """The tripped breakers that apply to every trade of the account."""
    scopes = ((ScopeKind.GLOBAL, states.GLOBAL_KEY), (ScopeKind.ACCOUNT, account))
    rows = session.scalars(select(BreakerRow).where(BreakerRow.tripped).order_by(BreakerRow.kind))
    return [row for row in rows if (row.scope_kind, row.scope_key) in scopes]


def _is_reducing(state: TradingStateRow) -> bool:
    return state.state.strictness >= TradingState.REDUCING.strictness


def _set(row: BreakerRow, found: Finding, now: datetime) -> None:
    row.tripped, row.changed_at = True, now
    row.value, row.limit, row.reason = found.value, found.limit, found.reason
    row.window, row.action, row.until = found.window, found.action, found.until
    row.count += 1
    row.share, row.waited_seconds, row.escalated_at = None, 0.0, None
    if found.memory is not None:
        row.memory = found.memory


def _history(
    session: Session, account: str, scope: BreakerScope, row: BreakerRow, actor: str
) -> BreakerTripRow:
    equity = session.scalar(
        select(EquityRow.equity)
        .where(EquityRow.account == account)
        .order_by(EquityRow.at.desc())
        .limit(1)
    )
    return BreakerTripRow(
        scope_kind=scope.kind,
        scope_key=scope.key,
        kind=row.kind,
        side=scope.side,
        tripped_at=row.changed_at,
        value=row.value,
        limit=row.limit,
        window=row.window,
        count=row.count,
        reason=row.reason,
        action=row.action,
        actor=actor,
        equity=equity,
    )
