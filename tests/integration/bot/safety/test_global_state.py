"""A resume gives back what the audit says, of every scope."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.safety.monitor import Monitor
from models.database import Database
from models.enums import ScopeKind, TradingState
from models.repositories import states
from tests.support.desk import ACCOUNT, Desk
from tests.support.scopes import set_state

SCOPES = [(ScopeKind.GLOBAL, "*"), (ScopeKind.ACCOUNT, ACCOUNT), (ScopeKind.STRATEGY, "test")]


ByHand = Callable[[Session, str, str], None]


def _sql(statement: str) -> ByHand:
    def act(session: Session, kind: str, key: str) -> None:
        where = " WHERE scope_kind = :kind AND scope_key = :key"
        session.execute(text(statement + where), {"kind": kind, "key": key})

    return act


ACTIVE = _sql("UPDATE trading_state SET state = 'active'")


BY_HAND = {
    "set active": ACTIVE,
    "deleted": _sql("DELETE FROM trading_state"),
    "as of before": _sql("UPDATE trading_state SET state = 'active', epoch = 0"),
    "with the next epoch": _sql("UPDATE trading_state SET state = 'active', epoch = epoch + 1"),
}


@pytest.fixture
def monitor(desk: Desk) -> Monitor:
    return Monitor(desk.db, ACCOUNT, desk.limits, desk.clock)


def halted(desk: Desk, kind: ScopeKind, key: str) -> None:
    set_state(desk.db, kind, key, TradingState.HALTED, now=desk.clock.now())


def by_hand(desk: Desk, act: ByHand, kind: ScopeKind, key: str) -> None:
    with desk.db.transaction() as session:
        act(session, kind.value, key)


def strictest(db: Database) -> TradingState:
    with db.reading() as session:
        found = [TradingState(row.state) for row in states.all_states(session)]
    return max(found, key=lambda state: state.strictness)


@pytest.mark.parametrize(("kind", "key"), SCOPES)
@pytest.mark.parametrize("act", BY_HAND.values(), ids=BY_HAND.keys())
def test_a_resume_gives_back_what_the_audit_says(
    desk: Desk, monitor: Monitor, act: ByHand, kind: ScopeKind, key: str
) -> None:
    set_state(desk.db, kind, key, TradingState.ACTIVE, now=desk.clock.now())
    halted(desk, kind, key)
    by_hand(desk, act, kind, key)
    monitor.judge_states()
    desk.trading_halt.resume(reason="looked into", actor="me", development=True)
    with desk.db.reading() as session:
        assert states.contradictions(session) == []
    # The resume is of the global state; another scope is as the audit had it.
    is_global = kind is ScopeKind.GLOBAL
    assert strictest(desk.db) is (TradingState.ACTIVE if is_global else TradingState.HALTED)
    assert not monitor.judge_states()
