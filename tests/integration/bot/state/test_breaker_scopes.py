"""A breaker of a strategy, a symbol or a side stops the entries of its scope and nothing else."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from bot.execution.sending.sender import SendResult
from bot.safety.recovery.resetting import Recovery
from bot.state.breakers import BreakerScope, Finding, row_of, trip
from models.enums import BreakerSide, ScopeKind, TradingState
from models.tables import BreakerTripRow
from tests.support.accounts.losses import account_state
from tests.support.desk import ACCOUNT, Desk

BTC = BreakerScope(ScopeKind.SYMBOL, "BTCUSDT")
LONG = BreakerScope(ScopeKind.SYMBOL, "BTCUSDT", BreakerSide.LONG)
SHORT = BreakerScope(ScopeKind.SYMBOL, "BTCUSDT", BreakerSide.SHORT)


def tripped(desk: Desk, scope: BreakerScope) -> None:
    with desk.db.unit_of_work() as uow:
        found = Finding("churn", "12", "10", "it turns over too much", scope, "10 minutes")
        assert trip(uow, ACCOUNT, found, actor="test", now=desk.clock.now())
        uow.commit()


@pytest.mark.parametrize(
    ("scope", "verdict"),
    [
        (BTC, "deny"),
        (LONG, "deny"),
        (SHORT, "allow"),
        (BreakerScope(ScopeKind.STRATEGY, "test"), "deny"),
        (BreakerScope(ScopeKind.STRATEGY, "another"), "allow"),
        (BreakerScope(ScopeKind.SYMBOL, "ETHUSDT"), "allow"),
    ],
    ids=str,
)
def test_the_gate_denies_entries_of_the_scope_and_side(
    desk: Desk, scope: BreakerScope, verdict: str
) -> None:
    tripped(desk, scope)
    assert desk.approve()["verdict"] == verdict
    assert account_state(desk) is TradingState.ACTIVE


def test_a_claim_sees_a_breaker_that_tripped_after_the_approval(desk: Desk) -> None:
    desk.approve()
    tripped(desk, BTC)
    assert desk.send(desk.child().child_id) is SendResult.STOPPED
    assert "breaker churn of symbol BTCUSDT is tripped" in (desk.child().note or "")


def test_a_breaker_of_another_symbol_or_side_stops_no_claim(desk: Desk) -> None:
    desk.approve()
    tripped(desk, BreakerScope(ScopeKind.SYMBOL, "ETHUSDT"))
    tripped(desk, SHORT)
    assert desk.send(desk.child().child_id) is SendResult.SENT


def test_an_exit_passes_gate_and_claim_under_every_breaker(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)
    desk.stream()
    for scope in (BTC, BreakerScope(ScopeKind.STRATEGY, "test"), None):
        tripped(desk, scope or BreakerScope(ScopeKind.ACCOUNT, ACCOUNT))
    exit_ = {"position_size": "1000", "reduce_only": True, "algorithm": "immediate"}
    assert desk.approve("r-exit", side="sell", signal_data=exit_)["verdict"] == "allow"
    assert desk.send(desk.children("r-exit")[0].child_id) is SendResult.SENT


def test_a_recovering_breaker_makes_the_size_smaller(desk: Desk) -> None:
    with desk.db.unit_of_work() as uow:
        row_of(uow.session, BTC, "churn", desk.clock.now()).share = Decimal("0.5")
        uow.commit()
    outcome = desk.approve(signal_data={"position_size": "2000", "algorithm": "immediate"})
    assert outcome["verdict"] == "shrink"
    assert 900 < float(desk.parent().approved_qty * desk.parent().reference_price) <= 1001


def test_a_trip_has_a_history_from_its_cause_to_its_reset(desk: Desk, recovery: Recovery) -> None:
    desk.pass_time(1)
    tripped(desk, LONG)
    at = desk.clock.now()
    desk.pass_time(60)
    report = recovery.reset("churn", reason="seen", actor="test", authorised=True, scope=LONG)
    assert report.was_tripped
    assert desk.approve()["verdict"] == "allow"
    with desk.db.reading() as session:
        (row,) = session.scalars(select(BreakerTripRow)).all()
    assert (row.kind, row.side, row.count, row.window) == ("churn", "long", 1, "10 minutes")
    assert (row.tripped_at, row.resumed_at) == (at, at + timedelta(minutes=1))
    assert (row.resume_reason, row.equity) == ("reset: seen", desk.exchange.wallet().equity)
