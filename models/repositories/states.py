"""Trading states and breakers by scope."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.enums import ScopeKind, TradingState
from models.tables import TradingStateRow

GLOBAL_KEY = "*"


def scopes_of(account: str, strategy: str, symbol: str) -> list[tuple[str, str]]:
    """Every scope whose state applies to a trade."""
    return [
        (ScopeKind.GLOBAL, GLOBAL_KEY),
        (ScopeKind.ACCOUNT, account),
        (ScopeKind.STRATEGY, strategy),
        (ScopeKind.SYMBOL, symbol),
    ]


def applicable_states(
    session: Session, account: str, strategy: str, symbol: str
) -> Sequence[TradingStateRow]:
    """Rows of the scopes that apply; a scope without a row is ACTIVE, but global must have one."""
    scopes = scopes_of(account, strategy, symbol)
    return session.scalars(
        select(TradingStateRow)
        .where(tuple_(TradingStateRow.scope_kind, TradingStateRow.scope_key).in_(scopes))
        .order_by(TradingStateRow.scope_kind, TradingStateRow.scope_key)
        .execution_options(populate_existing=True)
    ).all()


def all_states(session: Session) -> Sequence[TradingStateRow]:
    return session.scalars(
        select(TradingStateRow).order_by(TradingStateRow.scope_kind, TradingStateRow.scope_key)
    ).all()


def lock_state(
    session: Session, kind: ScopeKind, key: str, *, now: datetime, actor: str
) -> TradingStateRow:
    """The scope's row, made ACTIVE with epoch 0 when it was never set, locked for a change."""
    session.execute(
        insert(TradingStateRow)
        .values(
            scope_kind=kind,
            scope_key=key,
            state=TradingState.ACTIVE,
            reason="initial",
            actor=actor,
            epoch=0,
            changed_at=now,
        )
        .on_conflict_do_nothing()
    )
    return session.get_one(
        TradingStateRow, (kind, key), with_for_update=True, populate_existing=True
    )
