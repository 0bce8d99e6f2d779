"""Trading states by scope: a row each, and in the audit the entry that set it.

A row alone proves nothing, because it can be changed, deleted or restored without mlrisk. Every
reading of a state therefore includes the newest entry of its scope, in the same statement. A row
that disagrees counts as HALTED, and so does a missing one. A scope that was never set has neither
row nor entry and is ACTIVE; the global scope has a row from the first migration on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Result, Text, bindparam, cast, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, object_session
from sqlalchemy.orm.attributes import flag_modified

from config.errors import MlriskError
from models.audit import GLOBAL_CHAIN
from models.enums import ScopeKind, TradingState, strictest
from models.tables import TradingStateRow

GLOBAL_KEY = "*"
RECORDED = "state_recorded"
"""The kind of an entry that sets a state and does nothing else."""
_MOVED, _CONTRADICTED = "moved_states", "contradicted_states"

# Literals, so that Postgres can use the partial index of these kinds.
_SETS_A_STATE = (
    "payload ? 'epoch' AND kind IN ('halted', 'resumed', 'breaker_tripped', 'state_recorded')"
)
_SAID = f"""
    SELECT payload ->> 'to' AS state, (payload ->> 'epoch')::numeric AS epoch
      FROM audit_entry
      WHERE subject = {{subject}} AND {_SETS_A_STATE}
      ORDER BY seq DESC LIMIT 1
"""
STATES = f"""
    SELECT 'state', ARRAY[scope.kind, scope.key, held.state, held.reason, said.state],
        ARRAY[held.epoch::numeric, said.epoch], NULL::timestamptz
      FROM (VALUES ('global', :everything), ('account', :account), ('strategy', :strategy),
            ('symbol', :symbol)) AS scope (kind, key)
      LEFT JOIN trading_state AS held
        ON held.scope_kind = scope.kind AND held.scope_key = scope.key
      LEFT JOIN LATERAL ({_SAID.format(subject="scope.kind || ':' || scope.key")}) AS said ON true
      WHERE held.state IS NOT NULL OR said.state IS NOT NULL
"""
"""The trading states of the scopes that apply; first of the parts, for it types their columns."""
_APPLICABLE = text(STATES)
_ALL = text(
    f"""
    SELECT held.scope_kind, held.scope_key, held.state, held.reason, held.epoch,
        said.subject, said.state AS said_state, said.epoch AS said_epoch
      FROM trading_state AS held
      FULL JOIN (
        SELECT DISTINCT ON (subject) subject, payload ->> 'to' AS state,
            (payload ->> 'epoch')::numeric AS epoch
          FROM audit_entry
          WHERE {_SETS_A_STATE}
          ORDER BY subject, seq DESC
      ) AS said ON said.subject = held.scope_kind || ':' || held.scope_key
    """
)
_ONE = text(_SAID.format(subject=":subject"))
_LOCKED = (
    select(TradingStateRow, cast(TradingStateRow.state, Text).label("word"))
    .where(
        TradingStateRow.scope_kind == bindparam("kind"),
        TradingStateRow.scope_key == bindparam("key"),
    )
    .with_for_update()
)
"""A scope's row, locked, and its state as the word that is stored."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A scope with a row that differs from the audit, and its resulting state."""

    kind: str
    key: str
    why: str
    said: TradingState | None
    """The state by the audit; None when it was never set."""


class UnlockedState(MlriskError):
    """A row that was only read was taken for a locked one."""


def scopes_of(account: str, strategy: str, symbol: str) -> list[tuple[str, str]]:
    """Every scope whose state applies to a trade."""
    return [
        (ScopeKind.GLOBAL, GLOBAL_KEY),
        (ScopeKind.ACCOUNT, account),
        (ScopeKind.STRATEGY, strategy),
        (ScopeKind.SYMBOL, symbol),
    ]


def chain_of(kind: str, key: str) -> str:
    """The chain of all entries about a scope's state."""
    return key if kind == ScopeKind.ACCOUNT else GLOBAL_CHAIN


def applicable_states(
    session: Session, account: str, strategy: str, symbol: str
) -> Sequence[TradingStateRow]:
    """States of the scopes that apply, for reading. A scope without one is ACTIVE; the global one
    must have one."""
    keys = {"account": account, "strategy": strategy, "symbol": symbol, "everything": GLOBAL_KEY}
    found = session.execute(_APPLICABLE, keys)
    rows = [state_row(words, numbers) for _, words, numbers, _ in found]
    return sorted(rows, key=lambda row: (row.scope_kind, row.scope_key))


def all_states(session: Session) -> Sequence[TradingStateRow]:
    """The states of every scope that has one, for reading."""
    rows = [state_row(words, numbers) for words, numbers in _read_all(session)]
    return sorted(rows, key=lambda row: (row.scope_kind, row.scope_key))


def all_halts_unsealed(session: Session) -> Sequence[TradingStateRow]:
    """Scopes in HALTED, FLATTENING or FLAT whose seal is not proven. A flattening that finds no
    position may end before the halt's other steps."""
    halted = (TradingState.HALTED, TradingState.FLATTENING, TradingState.FLAT)
    return session.scalars(
        select(TradingStateRow)
        .where(
            TradingStateRow.state.in_(halted),
            TradingStateRow.sealed_at.is_(None),
            # As the first migration wrote it: nothing has traded yet.
            TradingStateRow.epoch > 0,
        )
        .order_by(TradingStateRow.scope_kind, TradingStateRow.scope_key)
    ).all()


def contradictions(session: Session) -> list[Contradiction]:
    """Scopes with rows that were changed, deleted or restored without mlrisk."""
    found, known = [], set()
    for (kind, key, state, _, said), (epoch, said_epoch) in _read_all(session):
        known.add(kind)
        why = _contradiction(state, epoch, said, said_epoch)
        if why is not None:
            before = None if said is None else TradingState(said)
            found.append(Contradiction(str(kind), str(key), why, before))
    if ScopeKind.GLOBAL not in known:
        found.append(Contradiction(ScopeKind.GLOBAL, GLOBAL_KEY, "its row is gone", None))
    return sorted(found, key=lambda one: (one.kind, one.key))


def state_row(words: Sequence[str | None], numbers: Sequence[Decimal | None]) -> TradingStateRow:
    """A state as `STATES` returns it, with the reason. The row belongs to no session."""
    kind, key, state, reason, said = words
    epoch, said_epoch = numbers
    why = _contradiction(state, epoch, said, said_epoch)
    if why is not None:
        reason = why
    if why is not None or state not in list(TradingState):
        state = _strict(state)
    return TradingStateRow(
        scope_kind=kind, scope_key=key, state=state, reason=reason, epoch=int(epoch or 0)
    )


def lock_state(
    session: Session, kind: ScopeKind, key: str, *, now: datetime, actor: str
) -> TradingStateRow:
    """The scope's row, locked for a change.

    A scope that was never set gets a row ACTIVE with epoch 0. A missing or contradicted row is
    HALTED, and `contradicted` has the reason until `move` sets it.
    """
    found = _locked(session, kind, key).one_or_none()
    if found is None:
        _add_row(session, kind, key, now, actor)
        found = _locked(session, kind, key).one()
    row, word = found
    if (kind, key) not in session.info.get(_MOVED, ()):
        _be_strict(session, row, word)
    return row


def _locked(session: Session, kind: ScopeKind, key: str) -> Result[TradingStateRow, str]:
    return session.execute(
        _LOCKED, {"kind": kind, "key": key}, execution_options={"populate_existing": True}
    )


def _add_row(session: Session, kind: ScopeKind, key: str, now: datetime, actor: str) -> None:
    """Adds the scope's missing row, unless another transaction does so at the same moment."""
    said = _audited(session, kind, key)
    fresh = TradingState.ACTIVE
    if said is not None or kind is ScopeKind.GLOBAL:
        fresh = TradingState.HALTED
    session.execute(
        insert(TradingStateRow)
        .values(
            scope_kind=kind,
            scope_key=key,
            state=fresh,
            reason="initial" if fresh is TradingState.ACTIVE else "its row was gone",
            actor=actor,
            epoch=0 if said is None else said[1] + 1,
            changed_at=now,
        )
        .on_conflict_do_nothing()
    )


def contradicted(row: TradingStateRow) -> str | None:
    """How a locked row differs from the audit; None when it agrees."""
    session = _session_of(row)
    found: str | None = session.info.get(_CONTRADICTED, {}).get((row.scope_kind, row.scope_key))
    return found


def move(
    row: TradingStateRow, to: TradingState, *, reason: str, actor: str, now: datetime
) -> dict[str, Any]:
    """Sets a locked row; the result belongs into the audit entry of the same transaction."""
    session = _session_of(row)
    scope = (row.scope_kind, row.scope_key)
    session.info.setdefault(_MOVED, set()).add(scope)
    session.info.get(_CONTRADICTED, {}).pop(scope, None)
    row.reason, row.actor, row.changed_at = reason, actor, now
    # The last step of a recovery makes nothing void that was approved during it.
    if not (row.state == TradingState.RECOVERING and to is TradingState.ACTIVE):
        row.epoch += 1
    row.state = to
    row.sealed_at = None
    return audited(row)


def audited(row: TradingStateRow) -> dict[str, Any]:
    """The state in an audit entry about a scope."""
    return {"to": str(row.state), "epoch": row.epoch}


def _session_of(row: TradingStateRow) -> Session:
    session = object_session(row)
    if session is None:
        raise UnlockedState(f"the state of {row.scope_kind} {row.scope_key} is not locked")
    return session


def _be_strict(session: Session, row: TradingStateRow, word: str) -> None:
    # After the lock, when its former holder has written entry and row.
    said = _audited(session, row.scope_kind, row.scope_key)
    state, epoch = (None, None) if said is None else (said[0], Decimal(said[1]))
    why = _contradiction(word, Decimal(row.epoch), state, epoch)
    if why is None:
        return
    session.info.setdefault(_CONTRADICTED, {})[row.scope_kind, row.scope_key] = why
    row.state, row.reason = _strict(row.state), why
    # A word that nobody knows is read as HALTED, and has to be written over even so.
    flag_modified(row, "state")
    # No older authorization may become valid again.
    row.epoch = max(row.epoch, 0 if said is None else said[1])


def _audited(session: Session, kind: str, key: str) -> tuple[str, int] | None:
    found = session.execute(_ONE, {"subject": f"{kind}:{key}"}).first()
    return None if found is None else (found.state, int(found.epoch))


def _read_all(
    session: Session,
) -> Iterator[tuple[Sequence[str | None], Sequence[Decimal | None]]]:
    for found in session.execute(_ALL).mappings().all():
        kind, key = _scope(found)
        words = (kind, key, found["state"], found["reason"], found["said_state"])
        yield words, (found["epoch"], found["said_epoch"])


def _scope(found: Mapping[Any, Any]) -> tuple[str, str]:
    if found["scope_kind"] is not None:
        return found["scope_kind"], found["scope_key"]
    kind, _, key = found["subject"].partition(":")
    return kind, key


def _contradiction(
    state: str | None,
    epoch: Decimal | None,
    said: str | None,
    said_epoch: Decimal | None,
) -> str | None:
    """How a row differs from the audit; None when it agrees."""
    if state is None or epoch is None:
        return f"its row is gone, and the audit says {said}"
    if said is None:
        if state == TradingState.ACTIVE and epoch == 0:
            return None  # as it was made; it was never set
        return f"its row says {state}, and no audit entry set it"
    if (state, epoch) != (said, said_epoch):
        return (
            f"its row says {state} (epoch {epoch}), and the audit says {said} (epoch {said_epoch})"
        )
    return None


def _strict(state: str | None) -> TradingState:
    """HALTED, or the row's state if that is stricter."""
    halted = TradingState.HALTED
    if state not in list(TradingState):
        return halted
    return strictest((halted, TradingState(str(state))), TradingState) or halted


def epoch_sum(rows: Sequence[TradingStateRow]) -> int:
    """The epoch to which an authorization is bound; it rises with every change of any state that
    applies."""
    return sum(row.epoch for row in rows)
