"""Trading states that somebody changes without mlrisk."""

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.database import Database
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states
from tests.support.accounts.scopes import set_state
from tests.support.desk import ACCOUNT, Desk

SCOPES = [(ScopeKind.GLOBAL, "*"), (ScopeKind.ACCOUNT, ACCOUNT), (ScopeKind.STRATEGY, "test")]


ByHand = Callable[[Session, str, str], None]


def by_statement(statement: str) -> ByHand:
    def act(session: Session, kind: str, key: str) -> None:
        where = " WHERE scope_kind = :kind AND scope_key = :key"
        session.execute(text(statement + where), {"kind": kind, "key": key})

    return act


ACTIVE = by_statement("UPDATE trading_state SET state = 'active'")


BY_HAND = {
    "set active": ACTIVE,
    "deleted": by_statement("DELETE FROM trading_state"),
    "as of before": by_statement("UPDATE trading_state SET state = 'active', epoch = 0"),
    "with the next epoch": by_statement(
        "UPDATE trading_state SET state = 'active', epoch = epoch + 1"
    ),
}


def halted(desk: Desk, kind: ScopeKind, key: str) -> None:
    set_state(desk.db, kind, key, TradingState.HALTED, now=desk.clock.now())


def by_hand(desk: Desk, act: ByHand, kind: ScopeKind, key: str) -> None:
    with desk.db.transaction() as session:
        act(session, kind.value, key)


def strictest(db: Database) -> TradingState:
    with db.reading() as session:
        found = [TradingState(row.state) for row in states.all_states(session)]
    return max(found, key=lambda state: state.strictness)
