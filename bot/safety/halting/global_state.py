"""Trading states within a caller's transaction: the global one halted, any of them released."""

from datetime import datetime

from bot.authority.actors import Actor, named, record
from bot.safety.halting import scoped_state, unfinished
from bot.state import trading_state
from bot.state.scope import EVERYTHING, Scope
from models.database import UnitOfWork
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states

_FIRST_TO = {
    TradingState.FLATTENING: (TradingState.HALTED,),
    TradingState.FLAT: (TradingState.RECOVERING,),
}
"""The states on the way from a state to ACTIVE."""


def set_halted(uow: UnitOfWork, *, reason: str, actor: str, now: datetime) -> bool:
    """Moves the global state to HALTED; returns True when it was that strict already."""
    cause = scoped_state.HaltCause(reason, named(actor))
    return scoped_state.tighten(uow, EVERYTHING, TradingState.HALTED, cause, now)


def set_active(
    uow: UnitOfWork, *, reason: str, actor: Actor, now: datetime, scope: Scope = EVERYTHING
) -> bool:
    """Moves the scope back to ACTIVE; returns False when there is nothing to commit.

    With the global scope every other state that was changed without mlrisk goes back to its state
    in the audit. The caller has proven that `actor` has the power. Raises Refused from a state that
    does not lead back to ACTIVE.
    """
    row = scoped_state.lock(uow, scope, actor, now)
    restored = scope == EVERYTHING and restore_others(uow, reason=reason, actor=actor, now=now)
    unfinished.write_missing(uow, scope, row, actor, now)
    moved = False
    for wanted in (*_FIRST_TO.get(row.state, ()), TradingState.ACTIVE):
        before = row.state
        said = trading_state.move(
            row, wanted, reason=reason, actor=named(actor), now=now, authorised=True
        )
        if said:
            kind = "resumed" if wanted is TradingState.ACTIVE else states.RECORDED
            payload = {"reason": reason, "from": before, **said}
            record(uow, scope.chain, kind, str(scope), actor, payload, now)
            moved = True
    return restored or moved


def restore_others(uow: UnitOfWork, *, reason: str, actor: Actor, now: datetime) -> bool:
    """Sets every other state that was changed without mlrisk back to its state in the audit."""
    changed = False
    for found in states.contradictions(uow.session):
        if found.kind == ScopeKind.GLOBAL:
            continue
        kind, to = ScopeKind(found.kind), found.said or TradingState.ACTIVE
        row = states.lock_state(uow.session, kind, found.key, now=now, actor=named(actor))
        if states.contradicted(row) is None:
            continue
        said = trading_state.undo(row, to, reason=reason, actor=named(actor), now=now)
        record(
            uow,
            states.chain_of(kind, found.key),
            states.RECORDED,
            f"{kind}:{found.key}",
            actor,
            {"reason": reason, "why": found.why, **said},
            now,
        )
        changed = True
    return changed
