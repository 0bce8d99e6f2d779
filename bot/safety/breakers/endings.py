"""Notes in the open trips how they go on: their condition over, and flat."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.state.breakers import BreakerScope
from models.enums import ScopeKind
from models.repositories.safety import bases
from models.tables import BreakerTripRow, PositionRow, StrategyShareRow


def note_within_again(session: Session, scope: BreakerScope, kind: str, now: datetime) -> None:
    """Notes the first look at which a tripped breaker's condition is over."""
    session.execute(
        update(BreakerTripRow)
        .where(
            BreakerTripRow.scope_kind == scope.kind,
            BreakerTripRow.scope_key == scope.key,
            BreakerTripRow.kind == kind,
            BreakerTripRow.resumed_at.is_(None),
            BreakerTripRow.within_again_at.is_(None),
        )
        .values(within_again_at=now)
        .execution_options(synchronize_session=False)
    )


def note_flat(session: Session, account: str, now: datetime) -> None:
    """Notes in each open trip when its scope first had no position, and the equity then."""
    waiting = session.scalars(
        select(BreakerTripRow).where(
            BreakerTripRow.resumed_at.is_(None), BreakerTripRow.flat_at.is_(None)
        )
    ).all()
    if not waiting:
        return
    symbols = set(
        session.scalars(
            select(PositionRow.symbol).where(PositionRow.account == account, PositionRow.qty != 0)
        )
    )
    strategies = set(
        session.scalars(
            select(StrategyShareRow.strategy).where(
                StrategyShareRow.account == account,
                StrategyShareRow.filled_qty + StrategyShareRow.taken_qty != 0,
            )
        )
    )
    newest = bases.readings(session, account, now, count=1)
    for row in waiting:
        if not _is_held(row, symbols, strategies):
            row.flat_at = now
            row.flat_equity = newest[0][1] if newest else None


def _is_held(row: BreakerTripRow, symbols: set[str], strategies: set[str]) -> bool:
    if row.scope_kind == ScopeKind.SYMBOL:
        return row.scope_key in symbols
    if row.scope_kind == ScopeKind.STRATEGY:
        return row.scope_key in strategies
    return bool(symbols)
