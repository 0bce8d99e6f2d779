"""A worker that lives, answers pings and takes no messages is started anew, and no other."""

import socket
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import select

from bot.state import binding
from bot.state.identity import Identity
from config.celery import CANARY, celery_settings
from models.database import Database
from models.tables import AuditRow, HeartbeatRow
from tasks.monitoring import CANARY_TASK
from tests.support.repository import ROOT
from tests.support.services import PostgresServer, RedisServer
from tests.support.waiting import START_SECONDS, eventually
from workers.home import Home
from workers.supervision import launches
from workers.supervision.canaries import Canaries, ask_workers
from workers.supervision.launches import ProcessSpec
from workers.supervision.restarts import WORKER_RESTARTED
from workers.supervision.supervisor import Supervisor

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(600)]

WORKER = QUEUE = "dispatch"
HOLD = "tests.hold"
"""The task of `tests.support.processes.deaf_worker` that lasts."""
NAME = f"{WORKER}@{socket.gethostname()}"


class Watched:
    """One real worker under a supervisor, and the watch over it with a clock of its own."""

    def __init__(self, home: Home, db: Database, redis: RedisServer, audit_url: str) -> None:
        self.home, self.db = home, db
        self.now = 0.0
        url = redis.embedded.url(user="canaries")
        self.client = Celery(set_as_current=False)
        self.client.conf.update(celery_settings(redis.url()))
        self.canaries = Canaries(
            home,
            Database(audit_url, pool_size=1),
            Redis.from_url(url),
            partial(ask_workers, url),
            clock=lambda: self.now,
        )

    @property
    def pid(self) -> int:
        return int(launches.record(self.home, WORKER)["pid"])

    def watch(self) -> None:
        """For 40 s of its clock."""
        for _ in range(5):
            self.canaries.look()
            self.now += 10.0

    def send_canary(self) -> None:
        self.client.send_task(CANARY_TASK, args=[QUEUE], queue=QUEUE)

    def heard(self) -> datetime | None:
        """When the worker took a canary last."""
        with self.db.reading() as session:
            row = session.get(HeartbeatRow, f"{CANARY}{QUEUE}")
            return None if row is None else row.at

    def restarts(self) -> list[dict[str, object]]:
        with self.db.reading() as session:
            kind = AuditRow.kind == WORKER_RESTARTED
            return list(
                session.scalars(select(AuditRow.payload).where(kind).order_by(AuditRow.seq))
            )


@pytest.fixture
def watched(
    db: Database, migrated_url: str, postgres: PostgresServer, redis: RedisServer
) -> Iterator[Watched]:
    binding.bind(db, Identity("paper", "paper", "17"), datetime.now(UTC))
    logins = postgres.logins(migrated_url)
    home = Home(Path(tempfile.mkdtemp(prefix="mlrisk-canaries-")) / "home")
    words = (
        "-m",
        "celery",
        "-A",
        "tests.support.processes.deaf_worker",
        "worker",
        "--without-mingle",
    )
    spec = ProcessSpec(
        WORKER,
        [sys.executable, *words, "-Q", QUEUE, "-n", f"{WORKER}@%h", "-c", "1"],
        env={
            "MLRISK_HOME": str(home.path),
            "MLRISK_DATABASE_URL": logins.application,
            "MLRISK_REDIS_URL": redis.embedded.url(user="worker"),
            "MLRISK_MARKET_KEY": "a key of the market's",
            "MLRISK_HOLDS_KEYS": "false",
        },
        cwd=ROOT,
        ready=partial(launches.announced, home, WORKER),
    )
    supervisor = Supervisor(home)
    supervisor.start([spec])
    found = Watched(home, db, redis, logins.audit)
    try:
        yield found
    finally:
        supervisor.shutdown()
        found.canaries.db.dispose()
        found.canaries.broker.close()
        found.client.close()


def test_a_worker_that_stopped_consuming_is_started_anew(watched: Watched, tmp_path: Path) -> None:
    watched.send_canary()
    before = eventually(watched.heard, "a canary")
    first = watched.pid
    watched.watch()
    assert watched.pid == first  # nothing waits for it

    begun, end = tmp_path / "begun", tmp_path / "end"
    watched.client.send_task(HOLD, args=[str(begun), str(end)], queue=QUEUE)
    eventually(begun.exists, "a long task")
    watched.send_canary()
    watched.watch()
    assert watched.pid == first  # it is at work
    end.touch()
    before = eventually(lambda: (heard := watched.heard()) != before and heard, "the next canary")

    control = watched.client.control
    assert control.cancel_consumer(QUEUE, destination=[NAME], reply=True, timeout=20)
    watched.send_canary()
    assert control.ping(destination=[NAME], timeout=20) == [{NAME: {"ok": "pong"}}]
    watched.watch()
    eventually(lambda: watched.pid != first, "its restart", START_SECONDS)
    eventually(lambda: watched.heard() != before, "the canary that waited", START_SECONDS)
    assert [(told["queues"], told["again"]) for told in watched.restarts()] == [([QUEUE], False)]
