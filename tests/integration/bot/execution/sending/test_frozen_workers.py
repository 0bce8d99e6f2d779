"""A frozen process (a real one, stopped by SIGSTOP) keeps nobody from deciding and halting."""

from collections.abc import Mapping
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from bot.safety.halting.halt import HaltWaits, TradingHalt
from console.context import reading
from models.connecting import migration_engine
from models.database import Database
from models.enums import ChildState, ParentState
from models.locks import sending_holders
from models.repositories.safety import states
from tests.support.desk import Desk
from tests.support.processes.frozen import frozen
from tests.support.services import PostgresServer

pytestmark = pytest.mark.services

BOUNDS = (
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "tcp_keepalives_idle",
    "tcp_user_timeout",
    "client_connection_check_interval",
)


@pytest.mark.long
def test_a_gate_that_is_frozen_inside_its_transaction_stops_no_decision(
    desk: Desk, migrated_url: str
) -> None:
    with frozen(migrated_url, "gate", "r-1") as process:
        assert desk.approve("r-2")["verdict"] == "allow"
        told = process.go_on()
    assert told["outcome"].startswith("OperationalError"), "a worker tries it again"
    assert desk.approve("r-1")["verdict"] == "allow"


def test_a_claim_that_is_frozen_stops_no_halt_and_posts_nothing_later(
    desk: Desk, migrated_url: str
) -> None:
    desk.approve_twap()
    with frozen(migrated_url, "claim", desk.children()[0].child_id) as process:
        report = TradingHalt(desk.db, desk.clock, waits=HaltWaits(hold_limit_seconds=0)).halt(
            reason="test", actor="me"
        )
        told = process.go_on()
    assert report.sealed_at is not None
    assert report.children_cancelled == 6
    assert desk.parent().state == ParentState.UNFILLED
    assert told["posts"] == 0
    desk.check_balance()


@pytest.mark.long
def test_a_change_of_state_that_is_frozen_keeps_no_halt_from_being_set(
    desk: Desk, migrated_url: str
) -> None:
    with frozen(migrated_url, "state", states.GLOBAL_KEY) as process:
        report = desk.trading_halt.halt(reason="test", actor="me")
        told = process.go_on()
    assert report.sealed_at is not None
    assert not report.already_halted
    assert told["outcome"].startswith("OperationalError")


def test_a_sender_that_is_frozen_before_its_post_is_ended_by_the_seal(
    desk: Desk, migrated_url: str
) -> None:
    desk.approve()
    child = desk.child()
    with frozen(migrated_url, "post", child.child_id) as process:
        with desk.db.autocommit_connection() as connection:
            assert sending_holders(connection)
        assert desk.approve("r-2")["verdict"] == "allow"
        report = TradingHalt(desk.db, desk.clock, waits=HaltWaits(hold_limit_seconds=0)).halt(
            reason="test", actor="me"
        )
        with desk.db.autocommit_connection() as connection:
            assert not sending_holders(connection)
        told = process.go_on()
    assert report.sealed_at is not None
    waited = (report.sealed_at - desk.clock.now()).total_seconds()
    assert waited == 6, "no exchange: the widest window and clock difference"
    assert [child.order_link_id in problem for problem in report.problems] == [False, True]
    assert told["posts"] == 1, "the exchange refuses it: it is signed as of its claim"
    assert desk.children("r-1")[0].state == ChildState.ACKED


def test_a_sender_that_is_frozen_delays_the_seal_until_its_request_is_refused_and_no_longer(
    desk: Desk, migrated_url: str
) -> None:
    desk.approve()
    with frozen(migrated_url, "post", desk.child().child_id) as process:
        sent_at = desk.child().sent_at
        assert sent_at is not None
        desk.clock.move_to(sent_at + timedelta(seconds=1.9))
        report = desk.trading_halt.halt(reason="test", actor="me")
        with desk.db.autocommit_connection() as connection:
            assert sending_holders(connection), "it is frozen still"
        process.go_on()
    behind = timedelta(milliseconds=desk.exchange.max_clock_offset_ms)
    assert report.sealed_at == sent_at + timedelta(seconds=2) + behind


def bounds(settings: Mapping[str, str]) -> list[str]:
    """Those that are not set."""
    return [name for name in BOUNDS if settings[name] in ("0", "", "0ms")]


SETTINGS = "SELECT name, setting FROM pg_settings"


def test_every_connection_has_its_bounds(
    db: Database, migrated_url: str, postgres: PostgresServer
) -> None:
    seen = {}
    ours = Database(migrated_url)
    with ours.transaction() as session:
        seen["worker"] = dict(session.execute(text(SETTINGS)).all())
    with db.autocommit_connection() as connection:
        seen["sender"] = dict(connection.execute(text(SETTINGS)).all())
    with reading(migrated_url) as session:
        seen["console"] = dict(session.execute(text(SETTINGS)).all())
    engine = migration_engine(migrated_url)
    with engine.connect() as connection:
        seen["migration"] = dict(connection.execute(text(SETTINGS)).all())
    engine.dispose()
    with psycopg.connect(migrated_url.replace("+psycopg", "")) as anybody:
        seen["anybody"] = dict(anybody.execute(SETTINGS).fetchall())
    assert {name: bounds(settings) for name, settings in seen.items()} == {
        name: [] for name in seen
    }
    ours.dispose()
    worker = seen["worker"]
    assert int(worker["idle_in_transaction_session_timeout"]) < int(worker["lock_timeout"])
    assert int(worker["lock_timeout"]) < int(worker["statement_timeout"])


def test_the_client_finds_a_vanished_server(db: Database) -> None:
    with db.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        parameters = raw.info.get_parameters()
    assert int(parameters["tcp_user_timeout"]) == 10_000
    assert int(parameters["keepalives_idle"]) == 5
