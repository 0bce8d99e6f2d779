"""The present state in figures: lease, sensors, states, breakers, queues, differences, audit."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from bot.safety.halting.halt import TradingHalt
from models.database import Database
from models.tables import HeartbeatRow
from tests.support.accounts.leases import end_lease
from tests.support.scene import ACCOUNT, Scene
from tests.support.services import PostgresServer
from workers.exporter import catalogue as c
from workers.exporter import conditions
from workers.exporter.conditions import Condition

pytestmark = pytest.mark.services


def read(postgres: PostgresServer, scene: Scene) -> Condition:
    """As the exporter's role."""
    database = Database(postgres.logins(scene.database_url).exporter, pool_size=1)
    try:
        with database.reading() as session:
            return conditions.read(session, conditions.account_of(session, ACCOUNT))
    finally:
        database.dispose()


def test_a_system_that_may_trade_and_one_that_may_not(
    postgres: PostgresServer, scene: Scene
) -> None:
    with scene.db.transaction() as session:
        session.execute(
            text("UPDATE trading_lease SET readings = CAST(:said AS jsonb)"),
            {
                "said": json.dumps(
                    [
                        {
                            "name": "market",
                            "meaning": "m",
                            "age_seconds": 1.5,
                            "deadline_seconds": 30.0,
                            "consequence": "not renewed",
                            "problem": None,
                        }
                    ]
                )
            },
        )
    found = read(postgres, scene)
    assert found.problems == ()
    assert found.lease_left_seconds > 60
    assert found.figures[c.MAY_ADD, ()][0] > 0
    assert found.figures[c.SENSOR_AGES, ("market",)][0] >= 1.5
    assert found.figures[c.SENSOR_FAULTS, ("market",)] == (0.0,)
    end_lease(scene.db)
    TradingHalt(scene.db, scene.clock).halt(reason="drill", actor="desk:bob")
    found = read(postgres, scene)
    assert [why.partition(":")[0] for why in found.problems] == [
        "global * is halted",
        "the lease to trade has lapsed",
    ]
    assert found.lease_left_seconds == 0
    assert found.figures[c.MAY_ADD, ()] == found.figures[c.LEASE, ()] == (0.0,)
    assert found.figures[c.SCOPES, ("global", "halted")] == (1.0,)


def test_ages_differences_and_the_audit(postgres: PostgresServer, scene: Scene) -> None:
    scene.trade("r-1")
    with scene.db.transaction() as session:
        at = datetime.now(UTC) - timedelta(seconds=60)
        session.add(HeartbeatRow(name="feed", pid=1, at=at, details={}))
        session.add(HeartbeatRow(name="queue:execution", pid=1, at=at, details={}))
        session.execute(
            text(
                "INSERT INTO position_disagreement (account, symbol, difference, ours, theirs,"
                " readings, since, seen_at) VALUES (:account, 'BTCUSDT', 1, 0, 1, 2,"
                " clock_timestamp() - interval '90 s', clock_timestamp())"
            ),
            {"account": ACCOUNT},
        )
    figures = read(postgres, scene).figures
    assert figures[c.HEARTBEATS, ("feed",)][0] >= 60
    assert figures[c.CANARIES, ("execution",)][0] >= 60
    assert figures[c.DIFFERENCES, ("position",)] == (1.0,)
    assert figures[c.DIFFERENCES, ("foreign_order",)] == (0.0,)
    assert figures[c.DIFFERENCE_AGE, ()][0] >= 90
    assert figures[c.POSITIONS, ()] == (1.0,)
    with scene.db.reading() as session:
        entries = session.scalar(text("SELECT count(*) FROM audit_entry WHERE chain = 'paper'"))
    assert figures[c.AUDIT, (ACCOUNT,)] == (entries,)
    assert figures[c.UNVERIFIED, (ACCOUNT,)] == (entries,)
    assert figures[c.DUE, ()] == (0.0,)
