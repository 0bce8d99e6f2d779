"""Trips a circuit breaker: its row is set and its account's trading state is tightened."""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk import alerts
from bot.state import trading_state
from models.database import UnitOfWork
from models.enums import ScopeKind, TradingState
from models.repositories import states
from models.tables import BreakerRow

log = logging.getLogger(__name__)


def trip(
    uow: UnitOfWork,
    account: str,
    kind: str,
    *,
    value: str,
    limit: str,
    reason: str,
    actor: str,
    now: datetime,
) -> bool:
    """Trips a breaker of the account and moves its state to REDUCING; returns False when both held
    already.

    A state that was loosened while the breaker stayed tripped is tightened again.
    """
    state = states.lock_state(uow.session, ScopeKind.ACCOUNT, account, now=now, actor=actor)
    known = uow.session.get(BreakerRow, (ScopeKind.ACCOUNT, account, kind), populate_existing=True)
    latched = known is not None and known.tripped
    reducing = TradingState(state.state).strictness >= TradingState.REDUCING.strictness
    if latched and reducing:
        return False
    if not latched:
        uow.session.merge(
            BreakerRow(
                scope_kind=ScopeKind.ACCOUNT,
                scope_key=account,
                kind=kind,
                tripped=True,
                value=value,
                limit=limit,
                reason=reason,
                changed_at=now,
            )
        )
    said: dict[str, Any] = {}
    if not reducing:
        said = trading_state.move(state, TradingState.REDUCING, reason=reason, actor=actor, now=now)
    beside = [row.kind for row in tripped_of(uow.session, account) if row.kind != kind]
    tripped = {"breaker": kind, "value": value, "limit": limit, "reason": reason, "beside": beside}
    tripped |= said
    uow.audit(account, "breaker_tripped", f"account:{account}", actor, tripped, now)
    level = alerts.of_entry("breaker_tripped", tripped)
    log.log(
        alerts.LOG_LEVELS[level],
        "breaker tripped: %s",
        reason,
        extra={"breaker": kind, "alert": level.value},
    )
    return True


def tripped_of(session: Session, account: str) -> list[BreakerRow]:
    """The tripped breakers that apply to every trade of the account."""
    scopes = ((ScopeKind.GLOBAL, states.GLOBAL_KEY), (ScopeKind.ACCOUNT, account))
    rows = session.scalars(select(BreakerRow).where(BreakerRow.tripped).order_by(BreakerRow.kind))
    return [row for row in rows if (row.scope_kind, row.scope_key) in scopes]
