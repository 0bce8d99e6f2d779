"""Trips a circuit breaker: its row is set and its account's trading state is tightened."""

import logging
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a breaker trips: the value that was seen and the limit that it broke, as text."""

    kind: str
    value: str
    limit: str
    reason: str


def trip(
    uow: UnitOfWork,
    account: str,
    found: Finding,
    *,
    actor: str,
    now: datetime,
) -> bool:
    """Trips a breaker of the account and moves its state to REDUCING; returns False when both held
    already.

    A state that was loosened while the breaker stayed tripped is tightened again.
    """
    state = states.lock_state(uow.session, ScopeKind.ACCOUNT, account, now=now, actor=actor)
    known = uow.session.get(
        BreakerRow, (ScopeKind.ACCOUNT, account, found.kind), populate_existing=True
    )
    was_tripped = known is not None and known.tripped
    reducing = TradingState(state.state).strictness >= TradingState.REDUCING.strictness
    if was_tripped and reducing:
        return False
    if not was_tripped:
        uow.session.merge(
            BreakerRow(
                scope_kind=ScopeKind.ACCOUNT,
                scope_key=account,
                kind=found.kind,
                tripped=True,
                value=found.value,
                limit=found.limit,
                reason=found.reason,
                changed_at=now,
            )
        )
    said: dict[str, Any] = {}
    if not reducing:
        said = trading_state.move(
            state, TradingState.REDUCING, reason=found.reason, actor=actor, now=now
        )
    beside = [row.kind for row in tripped_of(uow.session, account) if row.kind != found.kind]
    tripped = {
        "breaker": found.kind,
        "value": found.value,
        "limit": found.limit,
        "reason": found.reason,
        "beside": beside,
    }
    tripped |= said
    uow.audit(account, "breaker_tripped", f"account:{account}", actor, tripped, now)
    level = alerts.of_entry("breaker_tripped", tripped)
    log.log(
        alerts.LOG_LEVELS[level],
        "a breaker tripped: %s",
        found.reason,
        extra={"breaker": found.kind, "alert": level.value},
    )
    return True


def tripped_of(session: Session, account: str) -> list[BreakerRow]:
    """The tripped breakers that apply to every trade of the account."""
    scopes = ((ScopeKind.GLOBAL, states.GLOBAL_KEY), (ScopeKind.ACCOUNT, account))
    rows = session.scalars(select(BreakerRow).where(BreakerRow.tripped).order_by(BreakerRow.kind))
    return [row for row in rows if (row.scope_kind, row.scope_key) in scopes]
