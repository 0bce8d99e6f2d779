"""The connection that stands by for halts: it halts at once, and no halt depends on it."""

import os
import signal
from collections.abc import Iterator

import pytest
from sqlalchemy import select, text

from bot.clock import SystemClock
from bot.safety.halting.latching import REHEARSAL
from bot.state.scope import EVERYTHING, Scope
from config.settings import load_settings
from console.runtime.halts.halt_steps import HaltOrder, HaltSteps
from console.runtime.halts.standby import HaltStandby
from models.database import Database
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import AuditRow
from tests.support.desk import Desk
from tests.support.scene import Scene
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.services

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"


@pytest.fixture
def standby(desk: Desk, migrated_url: str) -> Iterator[HaltStandby]:
    """Not connected yet, and as patient as tests are."""
    made = HaltStandby(migrated_url, SystemClock(), patience_seconds=PATIENCE_SECONDS)
    yield made
    made.close()


def state(db: Database) -> tuple[TradingState, int]:
    with db.reading() as session:
        row = states.all_states(session)[0]
        return TradingState(row.state), row.epoch


def acts(db: Database) -> list[str]:
    with db.reading() as session:
        asked = select(AuditRow.actor).where(AuditRow.kind.in_(("halted", "halted_again")))
        return list(session.scalars(asked.order_by(AuditRow.seq)))


def test_it_halts_and_its_preparation_has_changed_nothing(desk: Desk, standby: HaltStandby) -> None:
    before = state(desk.db)
    assert standby.prepare()
    assert state(desk.db) == before
    first = standby.set_halted("drill", "ann", EVERYTHING, flatten=False)
    second = standby.set_halted("drill", "bob", EVERYTHING, flatten=True)
    assert first is not None and not first.already
    assert second is not None
    assert state(desk.db)[0] is TradingState.FLATTENING
    assert acts(desk.db) == ["ann", "bob"]
    assert REHEARSAL not in acts(desk.db)


def test_it_halts_one_scope(desk: Desk, standby: HaltStandby) -> None:
    standby.prepare()
    scope = Scope(ScopeKind.STRATEGY, "momentum")
    assert standby.set_halted("drill", "ann", scope, flatten=False)
    assert acts(desk.db) == ["ann"]
    assert state(desk.db)[0] is TradingState.ACTIVE


def test_before_it_is_connected_it_opens_no_connection(desk: Desk, standby: HaltStandby) -> None:
    """Opening one may take long, and a new one of the caller's is as good."""
    assert standby.set_halted("drill", "ann", EVERYTHING, flatten=False) is None
    assert acts(desk.db) == []


def test_a_connection_that_the_server_ended_is_left_and_made_anew(
    desk: Desk, standby: HaltStandby
) -> None:
    standby.prepare()
    with desk.db.transaction() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert standby.set_halted("drill", "ann", EVERYTHING, flatten=False) is None
    assert standby.prepare()
    assert standby.set_halted("drill", "bob", EVERYTHING, flatten=False)
    assert acts(desk.db) == ["bob"]


def test_a_frozen_postgres_is_left_in_time(desk: Desk, migrated_url: str) -> None:
    made = HaltStandby(migrated_url, SystemClock(), patience_seconds=0.5)
    with desk.db.reading() as session:
        known = set(session.scalars(text(BACKENDS)))
        eventually(made.prepare, "a connection that stands by")
        (backend,) = set(session.scalars(text(BACKENDS))) - known
    os.kill(backend, signal.SIGSTOP)
    try:
        assert made.set_halted("drill", "ann", EVERYTHING, flatten=False) is None
    finally:
        os.kill(backend, signal.SIGCONT)
        made.close()


def test_a_thread_keeps_it(desk: Desk, migrated_url: str) -> None:
    made = HaltStandby(migrated_url, SystemClock(), patience_seconds=PATIENCE_SECONDS)
    made.start()
    try:
        assert eventually(
            lambda: made.set_halted("drill", "ann", EVERYTHING, flatten=False), "the connection"
        )
    finally:
        made.close()


@pytest.mark.parametrize("prepared", [True, False])
def test_the_steps_of_a_halt_use_it_or_a_new_connection(
    scene: Scene, standby: HaltStandby, prepared: bool
) -> None:
    if prepared:
        standby.prepare()
    order = HaltOrder(EVERYTHING, "drill")
    steps = HaltSteps(load_settings(), scene.db, SystemClock(), order, "ann", standby)
    latched = steps.set_halted()
    assert not latched.already
    assert acts(scene.db) == ["ann"]
    assert state(scene.db)[0] is TradingState.HALTED
