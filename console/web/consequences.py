"""What a halt would do, told before the button is pressed."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.state.scope import Scope
from console.runtime.halts.halt_steps import HaltOrder
from models.amounts import shortest
from models.enums import ScopeKind, TradingState
from models.open_rows import CHILD_IS_PLANNED, CHILD_MAY_BE_AT_EXCHANGE, PARENT_IS_OPEN
from models.repositories.safety import scoping, states
from models.tables import ChildOrderRow, ParentOrderRow, PositionRow, TradingStateRow


@dataclass(frozen=True, slots=True)
class Consequences:
    """One look at the scope. `unknown` says why it could not be had; the halt works all the
    same."""

    state: TradingState | None = None
    reason: str = ""
    epoch: int = 0
    entries: int = 0
    planned: int = 0
    at_exchange: int = 0
    exits: int = 0
    positions: tuple[str, ...] = ()
    unknown: str | None = None


def consequences_of(engine: Engine, order: HaltOrder) -> Consequences:
    """What the order would stop, cancel and close at this moment."""
    try:
        with Session(engine) as session:
            return _look(session, order)
    except DBAPIError as error:
        return Consequences(unknown=f"Postgres can't be read ({type(error.orig).__name__})")


def epoch_of(engine: Engine, scope: Scope) -> int | None:
    """The epoch of a scope's state, 0 for one that was never set; None while Postgres is away."""
    try:
        with Session(engine) as session:
            row = session.get(TradingStateRow, (scope.kind, scope.key))
            return 0 if row is None else row.epoch
    except DBAPIError:
        return None


def _look(session: Session, order: HaltOrder) -> Consequences:
    scope = order.scope
    row = session.get(TradingStateRow, (scope.kind, scope.key))
    seen = {(one.scope_kind, one.scope_key): one for one in states.all_states(session)}
    known = seen.get((scope.kind, scope.key))
    only = scoping.parents_of(scope.kind, scope.key)
    parents = select(ParentOrderRow.request_id).where(PARENT_IS_OPEN, only)
    if not order.stop_exits:
        parents = parents.where(ParentOrderRow.reduce_only.is_(False))

    def count(state: ColumnElement[bool]) -> int:
        found = select(func.count()).select_from(ChildOrderRow)
        chosen = found.where(ChildOrderRow.request_id.in_(parents), state)
        return session.scalar(chosen) or 0

    def parents_that(reduce: bool) -> int:
        found = select(func.count()).select_from(ParentOrderRow)
        chosen = found.where(PARENT_IS_OPEN, only, ParentOrderRow.reduce_only.is_(reduce))
        return session.scalar(chosen) or 0

    return Consequences(
        state=TradingState.ACTIVE if known is None else known.state,
        reason="" if known is None else known.reason,
        epoch=0 if row is None else row.epoch,
        entries=parents_that(False),
        planned=count(CHILD_IS_PLANNED),
        at_exchange=count(CHILD_MAY_BE_AT_EXCHANGE),
        exits=parents_that(True),
        positions=_positions(session, scope) if order.flatten else (),
    )


def _positions(session: Session, scope: Scope) -> tuple[str, ...]:
    found = select(PositionRow).where(PositionRow.qty != 0).order_by(PositionRow.symbol)
    if scope.kind is ScopeKind.SYMBOL:
        found = found.where(PositionRow.symbol == scope.key)
    return tuple(f"{row.symbol} {shortest(row.qty)}" for row in session.scalars(found))
