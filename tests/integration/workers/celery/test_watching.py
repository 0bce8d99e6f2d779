"""A worker that takes no messages ends itself where nobody else restarts it."""

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
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
from tests.support.services import PostgresServer, RedisServer, redis_server
from tests.support.waiting import START_SECONDS, eventually
from workers.celery.watching import Watch
from workers.pulse import PULSE_VARIABLE, is_fresh
from workers.supervision import restarts
from workers.supervision.restarts import WORKER_RESTARTED
from workers.supervision.silence import Silent

pytestmark = pytest.mark.services

WORKER = QUEUE = "dispatch"
NAME = f"{WORKER}@{socket.gethostname()}"


class Watched:
    """A worker's look at itself, with a clock of its own."""

    def __init__(self, broker: Redis, pulse: Path) -> None:
        self.broker, self.pulse = broker, pulse
        self.now = 0.0
        self.taken: Counter[str] = Counter()
        self.busy = False
        self.watch = Watch(
            WORKER, broker, self.taken, lambda: self.busy, pulse, clock=lambda: self.now
        )

    def looks(self, *, takes: bool = False) -> list[Silent | None]:
        """What it finds in 40 s, and whether it says that it is well at the end."""
        found = []
        for _ in range(5):
            self.pulse.unlink(missing_ok=True)
            self.taken[QUEUE] += takes
            found.append(self.watch.look())
            self.now += 10.0
        return found


@pytest.fixture
def watched(redis: RedisServer, tmp_path: Path) -> Iterator[Watched]:
    with redis.client(0) as broker:
        yield Watched(broker, tmp_path / "pulse")
        broker.delete(QUEUE)


def test_a_worker_for_which_nothing_waits_is_well(watched: Watched) -> None:
    assert watched.looks() == [None] * 5
    assert is_fresh(watched.pulse)


def test_a_worker_that_takes_messages_is_well(watched: Watched) -> None:
    watched.broker.lpush(QUEUE, "a message")
    assert watched.looks(takes=True) == [None] * 5
    assert is_fresh(watched.pulse)


def test_a_worker_that_takes_nothing_of_what_waits_is_silent(watched: Watched) -> None:
    watched.broker.lpush(QUEUE, "a message")
    assert watched.looks()[-1] == Silent(WORKER, os.getpid(), (QUEUE,), 40.0)
    assert not watched.pulse.exists()


def test_a_worker_with_a_task_at_hand_is_well(watched: Watched) -> None:
    watched.broker.lpush(QUEUE, "a message")
    watched.busy = True
    assert watched.looks() == [None] * 5
    assert is_fresh(watched.pulse)


@pytest.mark.long
def test_nothing_counts_while_the_broker_is_away_and_the_pulse_grows_old(tmp_path: Path) -> None:
    with redis_server() as server, server.client(0) as broker:
        watched = Watched(broker, tmp_path / "pulse")
        broker.lpush(QUEUE, "a message")
        assert [watched.watch.look() for _ in range(2)] == [None, None]
        watched.now = 10.0
        server.kill()
        assert watched.looks() == [None] * 5
        assert not watched.pulse.exists()
        server.start()
        assert watched.watch.look() is None  # it begins to count anew


def test_a_second_restart_within_minutes_is_told_as_such(db: Database) -> None:
    binding.bind(db, Identity("paper", "paper", "17"), datetime.now(UTC))
    assert not restarts.was_lately(db, WORKER)
    restarts.tell(db, Silent(WORKER, 1, (QUEUE,), 31.0), WORKER, again=False)
    assert restarts.was_lately(db, WORKER)
    assert not restarts.was_lately(db, "execution")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_deaf_worker_ends_with_an_alert_and_the_next_takes_what_waits(
    db: Database, migrated_url: str, postgres: PostgresServer, redis: RedisServer, tmp_path: Path
) -> None:
    binding.bind(db, Identity("paper", "paper", "17"), datetime.now(UTC))
    pulse = tmp_path / "pulse"
    env = {
        "PATH": os.environ["PATH"],
        "MLRISK_HOME": str(tmp_path / "home"),
        "MLRISK_DATABASE_URL": postgres.logins(migrated_url).application,
        "MLRISK_REDIS_URL": redis.embedded.url(user="worker"),
        "MLRISK_MARKET_KEY": "a key of the market's",
        "MLRISK_HOLDS_KEYS": "false",
        PULSE_VARIABLE: str(pulse),
    }

    def heard() -> datetime | None:
        with db.reading() as session:
            row = session.get(HeartbeatRow, f"{CANARY}{QUEUE}")
            return None if row is None else row.at

    def healthy() -> bool:
        asked = [sys.executable, "-m", "workers.healthcheck", "worker"]
        return subprocess.run(asked, cwd=ROOT, env=env, check=False).returncode == 0

    with Celery(set_as_current=False) as client:
        client.conf.update(celery_settings(redis.url()))
        with worker(env) as first:
            client.send_task(CANARY_TASK, args=[QUEUE], queue=QUEUE)
            before = eventually(heard, "a canary", START_SECONDS)
            eventually(healthy, "a pulse")

            control = client.control
            assert control.cancel_consumer(QUEUE, destination=[NAME], reply=True, timeout=20)
            client.send_task(CANARY_TASK, args=[QUEUE], queue=QUEUE)
            assert control.ping(destination=[NAME], timeout=20) == [{NAME: {"ok": "pong"}}]
            eventually(lambda: first.poll() is not None, "its end", START_SECONDS)
        with db.reading() as session:
            told = session.scalars(select(AuditRow).where(AuditRow.kind == WORKER_RESTARTED)).one()
        assert (told.subject, told.payload["queues"]) == (WORKER, [QUEUE])
        with worker(env):
            eventually(lambda: heard() != before, "the canary that waited", START_SECONDS)


@contextmanager
def worker(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as in a container: nothing supervises it."""
    words = (
        "-m",
        "celery",
        "-A",
        "tests.support.processes.deaf_worker",
        "worker",
        "--without-mingle",
    )
    command = [sys.executable, *words, "-Q", QUEUE, "-n", f"{WORKER}@%h", "-c", "1"]
    process = subprocess.Popen(command, cwd=ROOT, env=env)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)
