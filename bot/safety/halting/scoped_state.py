"""The trading state of one scope within a caller's transaction: halted, or to be flattened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.authority.actors import Actor, named, record
from bot.state import trading_state
from bot.state.scope import Scope
from models.database import UnitOfWork
from models.enums import TradingState
from models.repositories.safety import states
from models.tables import TradingStateRow

HALTED_AGAIN = "halted_again"
"""The kind of the audit entry of a halt that found its scope stopped already."""


@dataclass(frozen=True, slots=True)
class HaltCause:
    """Why a scope is halted, by whom, and further facts for the audit entry."""

    reason: str
    actor: Actor
    facts: Mapping[str, Any] = field(default_factory=dict)


def tighten(
    uow: UnitOfWork, scope: Scope, wanted: TradingState, cause: HaltCause, now: datetime
) -> bool:
    """Moves the scope to `wanted`; returns True when it was that strict already.

    A logged-in operator's act is signed.
    """
    row = lock(uow, scope, cause.actor, now)
    before = row.state
    said = trading_state.tighten(
        row, wanted, reason=cause.reason, actor=named(cause.actor), now=now
    )
    if not said:
        return True
    payload = {"reason": cause.reason, "from": before, **cause.facts, **said}
    record(uow, scope.chain, "halted", str(scope), cause.actor, payload, now)
    return False


def note_again(
    uow: UnitOfWork, scope: Scope, cause: HaltCause, wanted: TradingState, now: datetime
) -> None:
    """Records the act of somebody who halts a scope that was that strict already."""
    row = lock(uow, scope, cause.actor, now)
    payload = {"reason": cause.reason, "asked": wanted.value, "state": row.state, **cause.facts}
    record(uow, scope.chain, HALTED_AGAIN, str(scope), cause.actor, payload, now)


def lock(uow: UnitOfWork, scope: Scope, actor: Actor, now: datetime) -> TradingStateRow:
    """The scope's row, locked for a change."""
    return states.lock_state(uow.session, scope.kind, scope.key, now=now, actor=named(actor))
