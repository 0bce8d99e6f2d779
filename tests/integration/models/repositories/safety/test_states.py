"""A trading state that somebody changes without mlrisk: refused at once, halted, told, and given
back by a resume alone."""

import logging

import pytest
from sqlalchemy import text

from bot.execution.sending.sender import SendResult
from bot.safety.halting.halt import TradingHalt
from bot.safety.monitor import Monitor
from console.views.live.queries import trading_states
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states
from tests.support.accounts.by_hand import (
    ACTIVE,
    BY_HAND,
    SCOPES,
    ByHand,
    by_hand,
    by_statement,
    halted,
    strictest,
)
from tests.support.desk import ACCOUNT, Desk


@pytest.mark.parametrize(("kind", "key"), SCOPES)
@pytest.mark.parametrize("act", BY_HAND.values(), ids=BY_HAND.keys())
def test_a_halt_that_is_lifted_by_hand_lets_no_claim_and_no_decision_pass(
    desk: Desk, monitor: Monitor, act: ByHand, kind: ScopeKind, key: str
) -> None:
    desk.approve_twap()
    halted(desk, kind, key)
    by_hand(desk, act, kind, key)
    assert desk.send(desk.children()[0].child_id) is SendResult.STOPPED
    assert "halted" in (desk.children()[0].note or "")
    assert "emergency_stop_active" in desk.approve("r-2")["reasons"]
    with desk.db.reading() as session:
        assert [(one.kind, one.key) for one in states.contradictions(session)] == [(kind, key)]
        shown = {line.scope: line.state for line in trading_states(session)}
    assert shown[f"{kind} {key}"] is TradingState.HALTED
    assert monitor.judge_states()
    assert "halted" in desk.audit_kinds()
    with desk.db.reading() as session:
        row = states.applicable_states(session, "none", "none", "none")[0]
    assert (row.state, row.scope_kind) == (TradingState.HALTED, ScopeKind.GLOBAL)
    assert "changed without mlrisk" in row.reason


def test_a_deleted_global_row_is_not_made_active_again(desk: Desk, monitor: Monitor) -> None:
    """Seen: the next lock of the row made it ACTIVE."""
    by_hand(desk, by_statement("DELETE FROM trading_state"), ScopeKind.GLOBAL, "*")
    assert desk.approve("r-1")["verdict"] == "deny"
    assert desk.trading_halt.set_halted("drill", "me").already is False
    assert strictest(desk.db) is TradingState.HALTED
    assert not monitor.judge_states()


def test_a_row_that_nobody_set_is_believed_only_as_it_was_made(desk: Desk) -> None:
    with desk.db.unit_of_work() as uow:
        states.lock_state(
            uow.session, ScopeKind.SYMBOL, "BTCUSDT", now=desk.clock.now(), actor="me"
        )
        uow.commit()
    with desk.db.reading() as session:
        assert states.contradictions(session) == []
    by_hand(
        desk,
        by_statement("UPDATE trading_state SET state = 'recovering'"),
        ScopeKind.SYMBOL,
        "BTCUSDT",
    )
    assert strictest(desk.db) is TradingState.HALTED


def test_a_word_that_nobody_knows_is_halted_and_written_over(desk: Desk, monitor: Monitor) -> None:
    halted(desk, ScopeKind.ACCOUNT, ACCOUNT)
    by_hand(
        desk, by_statement("UPDATE trading_state SET state = 'odd'"), ScopeKind.ACCOUNT, ACCOUNT
    )
    assert strictest(desk.db) is TradingState.HALTED
    assert desk.approve()["verdict"] == "deny"
    with desk.db.reading() as session:
        (found,) = states.contradictions(session)
        assert "its row says odd" in found.why
    assert monitor.judge_states()
    desk.trading_halt.resume(reason="over", actor="me", development=True)
    with desk.db.reading() as session:
        words = session.scalars(
            text("SELECT state FROM trading_state WHERE scope_kind = 'account'")
        ).all()
        assert states.contradictions(session) == []
    assert words == ["halted"]


def test_exits_go_on_under_a_contradicted_state(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    by_hand(desk, by_statement("DELETE FROM trading_state"), ScopeKind.GLOBAL, "*")
    exit_now = {"position_size": "2000", "algorithm": "immediate", "reduce_only": True}
    found = desk.approve("r-exit", side="sell", signal_data=exit_now, priority="emergency")
    assert found["verdict"] == "allow"
    assert SendResult.SENT in desk.send_due()


def test_the_halt_is_told_once(
    desk: Desk, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    halted(desk, ScopeKind.GLOBAL, "*")
    by_hand(desk, ACTIVE, ScopeKind.GLOBAL, "*")
    with caplog.at_level(logging.CRITICAL):
        assert monitor.judge_states()
        assert not monitor.judge_states()
    assert caplog.text.count("a trading state was changed without mlrisk") == 1
    TradingHalt(desk.db, desk.clock).resume(reason="over", actor="me", development=True)
    assert not monitor.judge_states()
