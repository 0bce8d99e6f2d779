"""The document's "Emergency Level: complete system failures": Postgres or Redis is gone."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import select

from bot.clock import FixedClock
from bot.risk.alerts import of_entry
from models.database import Database
from models.migrate import upgrade
from models.tables import AuditRow
from tests.support.desk import ACCOUNT
from tests.support.fakes import T0
from tests.support.services import PostgresServer, postgres_server, redis_server
from tests.support.waiting import eventually
from workers.celery.lifelines import PATIENCE, Lifelines

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """One that may die."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module")
def own_database(own_postgres: PostgresServer) -> str:
    url = own_postgres.create_database()
    upgrade(url)
    return url


@pytest.fixture
def watched(own_database: str) -> Iterator[Lifelines]:
    """Asks the server that may die; time moves only when a test moves it."""
    db = Database(own_database, pool_size=1)
    yield Lifelines(db, ACCOUNT, FixedClock(T0), {"postgres": db.ping})
    db.dispose()


def pass_time(it: Lifelines, by: timedelta) -> None:
    assert isinstance(it.clock, FixedClock)
    it.clock.move_to(it.clock.now() + by)
    it.look()


def levels(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    told = [
        r for r in caplog.records if r.name == "workers.celery.lifelines" and hasattr(r, "alert")
    ]
    return [(str(vars(r)["kind"]), str(vars(r)["alert"])) for r in told]


def recorded(it: Lifelines, name: str) -> list[tuple[str, str, object]]:
    with it.db.reading() as session:
        rows = session.scalars(
            select(AuditRow).where(AuditRow.subject == name).order_by(AuditRow.seq)
        ).all()
        return [(r.kind, of_entry(r.kind, r.payload).value, r.payload["seconds"]) for r in rows]


def test_a_postgres_that_is_gone_is_an_emergency_and_recorded_when_it_is_back(
    watched: Lifelines, own_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert watched.ask("postgres")
    own_postgres.kill()
    try:
        assert not watched.ask("postgres")
        pass_time(watched, PATIENCE / 2)
        assert levels(caplog) == []
        pass_time(watched, PATIENCE)
        pass_time(watched, PATIENCE)
        assert levels(caplog) == [("system_failure", "emergency")]
        watched.record()
    finally:
        own_postgres.restart()
    eventually(lambda: watched.ask("postgres"))
    watched.look()
    watched.record()
    watched.record()
    assert levels(caplog)[1:] == [("system_failure_over", "info")]
    assert recorded(watched, "postgres") == [
        ("system_failure", "emergency", (PATIENCE * 1.5).total_seconds()),
        ("system_failure_over", "info", (PATIENCE * 2.5).total_seconds()),
    ]


def test_one_that_hangs_instead_of_failing_is_gone_too(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    answer = threading.Event()
    it = Lifelines(db, ACCOUNT, FixedClock(T0), {"postgres": answer.wait})
    asking = threading.Thread(target=it.ask, args=("postgres",), daemon=True)
    asking.start()
    pass_time(it, PATIENCE)
    assert levels(caplog) == [("system_failure", "emergency")]
    answer.set()
    asking.join()
    it.look()
    it.record()
    kinds = [kind for kind, *_ in recorded(it, "postgres")]
    assert kinds == ["system_failure", "system_failure_over"]


def test_a_redis_that_is_gone_is_recorded_at_once(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server() as server:
        client = Redis.from_url(server.url(), socket_timeout=1, socket_connect_timeout=1)
        it = Lifelines(db, ACCOUNT, FixedClock(T0), {"redis": client.ping})
        assert it.ask("redis")
        server.kill()
        assert not it.ask("redis")
        pass_time(it, PATIENCE)
        it.record()
        client.close()
    assert levels(caplog) == [("system_failure", "emergency")]
    assert [kind for kind, *_ in recorded(it, "redis")] == ["system_failure"]
