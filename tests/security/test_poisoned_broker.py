"""An attacker with the broker's password poisons what beat and workers read at their start."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from redbeat.schedulers import acquire_distributed_beat_lock
from redis import Redis
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from bot.errors import Refused
from bot.state import binding
from bot.state.binding import Identity
from config.celery import QUEUES, celery_settings
from config.settings import load_settings
from models.database import Database
from models.tables import AuditRow, HeartbeatRow
from tasks.monitoring import canary
from tests.support.services import RedisServer
from tests.support.waiting import eventually
from workers.celery import cleaning
from workers.celery.beat import CleanedScheduler
from workers.celery.schedule import beat_schedule
from workers.embedded import acl

pytestmark = [
    pytest.mark.services,
    # Its options for Redis are our broker's, as in beat itself.
    pytest.mark.filterwarnings("ignore:RedBeat will stop falling back:DeprecationWarning"),
]

ROOT = Path(__file__).parents[2]
BROKER, BEAT = 0, 2
PREFIX = "mlrisk:beat:"
SCHEDULE, STATICS, LOCK = f"{PREFIX}:schedule", f"{PREFIX}:statics", f"{PREFIX}:lock"
ENTRY = f"{PREFIX}sweep"
"""One of our own entries."""
SWEEP_QUEUE = "sweeping"
LATER = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)


def definition(**changes: Any) -> str:
    """What RedBeat stores of our entry, with something changed."""
    every = {"__type__": "interval", "every": 2.0, "relative": False}
    stored: dict[str, Any] = {"name": "sweep", "task": "tasks.monitoring.sweep", "args": []}
    stored |= {"kwargs": {}, "options": {}, "schedule": every, "enabled": True}
    return json.dumps({**stored, **changes})


def entry(client: Redis, *, key: str = ENTRY, meta: object = None, **changes: Any) -> None:
    client.hset(key, "definition", definition(**changes))
    if meta is not None:
        client.hset(key, "meta", json.dumps(meta))
    client.zadd(SCHEDULE, {key: 0})


def moment(at: datetime) -> dict[str, object]:
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__type__": "datetime", **{name: getattr(at, name) for name in names}, "timezone": 0}


POISON: dict[str, Callable[[Redis], object]] = {
    "no json": lambda c: c.hset(ENTRY, "definition", "garbage"),
    "no text": lambda c: c.hset(ENTRY, "definition", b"\xff"),
    "nested without end": lambda c: c.hset(ENTRY, "definition", "[" * 200_000),
    "no object": lambda c: c.hset(ENTRY, "definition", "[]"),
    "unknown fields": lambda c: entry(c, surprise=1),
    "a schedule that can't be": lambda c: entry(c, schedule={"__type__": "crontab", "minute": "x"}),
    "a last run that is no time": lambda c: entry(c, meta={"last_run_at": "yesterday"}),
    "a last run in a month": lambda c: entry(c, meta={"last_run_at": moment(LATER)}),
    "no meta": lambda c: entry(c, meta=[1]),
    "an entry of another type": lambda c: c.set(ENTRY, "x"),
    "a schedule of another type": lambda c: c.set(SCHEDULE, "x"),
    "statics of another type": lambda c: c.set(STATICS, "x"),
    "a lock for ever": lambda c: c.set(LOCK, "x"),
    "a lock for a year": lambda c: c.set(LOCK, "x", ex=31_536_000),
    "somebody's task": lambda c: entry(
        c, key=f"{PREFIX}extra", name="extra", task="tasks.emergency.halt"
    ),
    "somebody's task in our name": lambda c: entry(c, task="tasks.emergency.halt"),
    "a member that is no text": lambda c: c.zadd(SCHEDULE, {b"\xff": 1}),
    "a member elsewhere": lambda c: c.zadd(SCHEDULE, {"elsewhere": 1}),
}


@pytest.fixture
def attacker(redis: RedisServer) -> Iterator[Redis]:
    """On RedBeat's database."""
    with redis.client(BEAT) as client:
        yield client


@pytest.fixture
def broker(redis: RedisServer) -> Iterator[Redis]:
    with redis.client(BROKER) as client:
        yield client


@pytest.fixture
def settings(
    redis: RedisServer, migrated_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_REDIS_URL", redis.embedded.url(user=acl.WORKER))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)


def started(redis: RedisServer) -> CleanedScheduler:
    """Beat's scheduler as it is when beat begins to tick."""
    app = Celery("beat-of-a-test", set_as_current=False)
    app.conf.update(celery_settings(redis.embedded.url(user=acl.BEAT)))
    app.conf.beat_schedule = beat_schedule()
    scheduler = CleanedScheduler(app=app)
    acquire_distributed_beat_lock(SimpleNamespace(scheduler=scheduler))
    return scheduler


def tasks_in(broker: Redis, queue: str) -> set[str]:
    return {json.loads(raw)["headers"]["task"] for raw in broker.lrange(queue, 0, -1)}


def recorded(db: Database) -> list[str]:
    """Which places were dropped, by the audit."""
    with db.reading() as session:
        query = (
            select(AuditRow.payload).where(AuditRow.kind == cleaning.KIND).order_by(AuditRow.seq)
        )
        return [one["place"] for payload in session.scalars(query) for one in payload["shown"]]


@pytest.mark.usefixtures("settings")
def test_an_untouched_schedule_is_kept_over_a_restart(
    redis: RedisServer, attacker: Redis, db: Database
) -> None:
    first = started(redis)
    first.tick()
    first.close()
    before = attacker.hget(ENTRY, "meta")
    second = started(redis)
    assert attacker.hget(ENTRY, "meta") == before
    assert json.loads(before)["last_run_at"] is not None
    second.close()
    assert recorded(db) == []


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("kind", POISON)
def test_beat_starts_and_ticks_whatever_is_in_its_schedule(
    kind: str, redis: RedisServer, attacker: Redis, broker: Redis, db: Database
) -> None:
    first = started(redis)
    first.close()
    POISON[kind](attacker)
    scheduler = started(redis)

    def swept() -> bool:
        scheduler.tick()
        return "tasks.monitoring.sweep" in tasks_in(broker, SWEEP_QUEUE)

    eventually(swept, "a tick")
    scheduler.close()
    ours = {"tasks.monitoring.canary", "tasks.emergency.follow_halts", "tasks.emergency.flatten"}
    assert tasks_in(broker, "emergency") <= ours
    members = {key.decode() for key in attacker.zrange(SCHEDULE, 0, -1)}
    assert members == {f"{PREFIX}{name}" for name in beat_schedule()}
    assert len(recorded(db)) == 1


@pytest.mark.usefixtures("settings")
@pytest.mark.long
def test_the_process_of_beat_starts_on_all_of_it(
    redis: RedisServer, attacker: Redis, broker: Redis, tmp_path: Path
) -> None:
    for spoil in POISON.values():
        attacker.delete(ENTRY, SCHEDULE, STATICS)
        spoil(attacker)
    entry(attacker, key=f"{PREFIX}canary-validation", schedule=1)
    command = ["celery", "-A", "workers.celery.broker", "beat", "--pidfile="]
    command += ["--scheduler", "workers.celery.beat.CleanedScheduler"]
    env = {**os.environ, "MLRISK_REDIS_URL": redis.embedded.url(user=acl.BEAT)}
    with (tmp_path / "beat.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=env, stdout=log, stderr=log
        )
    try:
        eventually(lambda: broker.llen(SWEEP_QUEUE), "a tick")
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.usefixtures("settings")
def test_what_keeps_messages_from_coming_again_is_dropped(broker: Redis, db: Database) -> None:
    good = json.dumps([{"body": "x", "headers": {}, "properties": {}}, "validation", "validation"])
    bad = [b"garbage", b"\xff", b"[]", b'[1, "a", "b"]', b"[" * 200_000, b'[{}, 1, "b"]']
    for number, stored in enumerate([good, *bad]):
        broker.hset("unacked", f"tag-{number}", stored)
        broker.zadd("unacked_index", {f"tag-{number}": 0})
    broker.set("unacked_mutex", "for ever")
    ours = f"_kombu.binding.{QUEUES[0]}"
    broker.sadd(ours, "\x06\x16".join((QUEUES[0], "", QUEUES[0])), "x", "a\x06\x16\x06\x16spy")
    blocked = ["_kombu.binding.emergency", "_kombu.binding_permanent.execution"]
    blocked += ["_kombu.binding_deadlines", "execution"]
    blocked += ["validation.of.a-strategy"]
    for key in blocked:
        broker.set(key, "x")
    broker.sadd("validation.lanes", "validation.of.a-strategy", "emergency")
    cleaning.clean_and_record(load_settings())
    assert broker.hkeys("unacked") == broker.zrange("unacked_index", 0, -1) == [b"tag-0"]
    assert broker.smembers(ours) == {"\x06\x16".join((QUEUES[0], "", QUEUES[0])).encode()}
    assert not broker.exists("unacked_mutex", *blocked)
    assert broker.smembers("validation.lanes") == {b"validation.of.a-strategy"}
    dropped = len(bad) + len(blocked) + 4
    assert len(recorded(db)) == dropped
    cleaning.clean_and_record(load_settings())
    assert len(recorded(db)) == dropped


@pytest.mark.usefixtures("settings")
def test_canaries_of_no_queue_are_refused_and_their_signs_of_life_dropped(
    redis: RedisServer, db: Database
) -> None:
    with pytest.raises(Refused, match="mlrisk has no queue"):
        canary("of-somebody")
    now = datetime.now(UTC)
    with db.transaction() as session:
        for name in ("queue:of-somebody", f"queue:{QUEUES[0]}", "feed"):
            session.execute(insert(HeartbeatRow).values(name=name, pid=1, at=now, details={}))
    started(redis).close()
    with db.reading() as session:
        kept = set(session.scalars(select(HeartbeatRow.name)))
    assert kept == {f"queue:{QUEUES[0]}", "feed"}
    assert recorded(db) == ["queue:of-somebody"]


@pytest.mark.usefixtures("settings")
def test_what_is_dropped_is_recorded_in_the_databases_account_not_the_variables(
    broker: Redis, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    binding.bind(db, Identity("main", "paper", "17"), datetime.now(UTC))
    monkeypatch.setenv("MLRISK_ACCOUNT", "somebody")
    broker.set("execution", "x")
    cleaning.clean_and_record(load_settings())
    with db.reading() as session:
        chains = session.scalars(select(AuditRow.chain).where(AuditRow.kind == cleaning.KIND)).all()
    assert chains == ["main"]


@pytest.mark.usefixtures("settings")
def test_servers_that_are_away_keep_nobody_from_starting(
    redis: RedisServer, broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", "postgresql+psycopg://nobody:pw@127.0.0.1:1/none")
    broker.set("execution", "x")
    cleaning.clean_and_record(load_settings())
    assert not broker.exists("execution")
    monkeypatch.setenv("MLRISK_REDIS_URL", "redis://127.0.0.1:1/0")
    cleaning.clean_and_record(load_settings())
