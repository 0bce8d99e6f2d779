"""A resume gives back what the audit says, of every scope."""

import pytest

from bot.safety.monitor import Monitor
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states
from tests.support.accounts.by_hand import BY_HAND, SCOPES, ByHand, by_hand, halted, strictest
from tests.support.accounts.scopes import set_state
from tests.support.desk import Desk


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
