"""A stop that the system asks for itself: latched in one transaction, followed from its row."""

from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import select

from bot.errors import DependencyDown
from bot.safety.emergency import stop as emergency_stop
from bot.safety.emergency.stop import request_emergency_stop
from bot.safety.halting.flattening import WAIT_SECONDS, FlatReport, Flattener
from bot.state.scope import Scope
from models.enums import AlertState, ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import AlertRow, AuditRow, TradingStateRow
from tests.support.accounts.exits import open_position
from tests.support.accounts.flattening import flattener
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

RESTING = {"position_size": "3000", "algorithm": "iceberg", "horizon_seconds": 120}


def test_a_requested_stop_is_followed_from_its_row(desk: Desk) -> None:
    assert desk.approve(signal_data=RESTING)["verdict"] != "deny"
    desk.step()
    with desk.db.unit_of_work() as uow:
        assert not request_emergency_stop(uow, "audit fails", desk.clock.now(), flatten=True)
        assert request_emergency_stop(uow, "audit fails", desk.clock.now())
        uow.commit()
    assert len(desk.exchange.open_orders()) == 1
    assert emergency_stop.follow(lambda: desk.trading_halt, desk.db) == 1
    assert desk.exchange.open_orders() == []
    assert emergency_stop.follow(pytest.fail, desk.db) == 0
    with desk.db.reading() as session:
        entry = session.scalars(select(AuditRow).where(AuditRow.kind == "halted")).one()
    assert (entry.payload["automatic"], entry.payload["flatten"]) == (True, True)


def test_a_requested_flattening_closes_what_the_exchange_reports_pass_by_pass(desk: Desk) -> None:
    assert open_position(desk) > 0
    with desk.db.unit_of_work() as uow:
        request_emergency_stop(uow, "the drawdown is red", desk.clock.now(), flatten=True)
        uow.commit()
    assert emergency_stop.follow(lambda: desk.trading_halt, desk.db) == 1
    passes = 0
    while emergency_stop.flatten(lambda: flattener(desk), desk.db, desk.clock.now()):
        passes += 1
        assert passes < 10
    assert passes > 0
    assert (desk.exchange.positions(), desk.position()) == ([], 0)
    with desk.db.reading() as session:
        kinds = set(session.scalars(select(AuditRow.kind)))
        halted = session.get_one(TradingStateRow, (ScopeKind.GLOBAL, states.GLOBAL_KEY))
    assert "flattened" in kinds
    assert (halted.state, halted.sealed_at is not None) == (TradingState.FLAT, True)


def test_a_flattening_that_ends_before_the_halts_steps_leaves_them_to_be_done(desk: Desk) -> None:
    """Seen: Postgres was back, the pass found no position, and nobody sealed or cancelled."""
    assert desk.approve(signal_data=RESTING)["verdict"] != "deny"
    desk.step()
    with desk.db.unit_of_work() as uow:
        request_emergency_stop(uow, "recorded from the journal", desk.clock.now(), flatten=True)
        uow.commit()
    assert emergency_stop.flatten(lambda: flattener(desk), desk.db, desk.clock.now()) == 1
    assert len(desk.exchange.open_orders()) == 1
    assert emergency_stop.follow(lambda: desk.trading_halt, desk.db) == 1
    assert desk.exchange.open_orders() == []
    with desk.db.reading() as session:
        halted = session.get_one(TradingStateRow, (ScopeKind.GLOBAL, states.GLOBAL_KEY))
    assert (halted.state, halted.sealed_at is not None) == (TradingState.FLAT, True)
    assert emergency_stop.follow(pytest.fail, desk.db) == 0


def test_people_are_told_when_a_flattening_takes_long(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    open_position(desk)
    with desk.db.unit_of_work() as uow:
        request_emergency_stop(uow, "the drawdown is red", desk.clock.now(), flatten=True)
        uow.commit()
    desk.exchange.faults = [(DependencyDown("no route"), False)] * 50
    emergency_stop.flatten(lambda: flattener(desk), desk.db, desk.clock.now())
    assert "NOT FLAT" not in caplog.text
    desk.pass_time(31)
    emergency_stop.flatten(lambda: flattener(desk), desk.db, desk.clock.now())
    assert "NOT FLAT" in caplog.text
    assert _not_flat(desk) == [AlertState.OPEN]


def test_an_alert_that_comes_after_the_proof_is_cleared(desk: Desk) -> None:
    with desk.db.unit_of_work() as uow:
        request_emergency_stop(uow, "the drawdown is red", desk.clock.now(), flatten=True)
        uow.commit()
    desk.pass_time(WAIT_SECONDS - 0.05)
    real = flattener(desk)

    class Slow:
        def take_pass(self, scope: Scope, *, actor: str) -> FlatReport:
            report = real.take_pass(scope, actor=actor)
            eventually(lambda: _not_flat(desk), "people are told while the pass goes on")
            return report

    assert emergency_stop.flatten(lambda: cast(Flattener, Slow()), desk.db, desk.clock.now()) == 1
    assert _not_flat(desk) == [AlertState.CLEARED]


def _not_flat(desk: Desk) -> list[AlertState]:
    """The states of the alerts of a flattening that takes long."""
    with desk.db.reading() as session:
        found = session.scalars(select(AlertRow).where(AlertRow.kind == "not_flat"))
        return [row.state for row in found]


def test_a_strategy_is_halted_and_not_flattened(desk: Desk) -> None:
    open_position(desk)
    scope = Scope(ScopeKind.STRATEGY, "s")
    with desk.db.unit_of_work() as uow:
        request_emergency_stop(uow, "its model fails", desk.clock.now(), scope=scope, flatten=True)
        uow.commit()
    assert emergency_stop.flatten(pytest.fail, desk.db, desk.clock.now()) == 0
    assert desk.exchange.positions()


def test_people_are_told_when_the_exchange_can_not_be_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_position(desk)
    with desk.db.unit_of_work() as uow:
        request_emergency_stop(uow, "the drawdown is red", desk.clock.now(), flatten=True)
        uow.commit()

    def hangs() -> list[object]:
        raise DependencyDown("no answer")

    monkeypatch.setattr(desk.exchange, "positions", hangs)
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=31))
    assert emergency_stop.flatten(lambda: flattener(desk), desk.db, desk.clock.now()) == 1
    assert "NOT FLAT: unknown positions are still held" in caplog.text


def test_another_accounts_scope_is_never_told_flat(desk: Desk) -> None:
    scope = Scope(ScopeKind.ACCOUNT, "another")
    with desk.db.unit_of_work() as uow:
        request_emergency_stop(uow, "drill", desk.clock.now(), scope=scope, flatten=True)
        uow.commit()
    assert emergency_stop.flatten(lambda: flattener(desk), desk.db, desk.clock.now()) == 1
    with desk.db.reading() as session:
        row = session.get_one(TradingStateRow, (scope.kind, scope.key))
    assert row.state == TradingState.FLATTENING
