"""Drops and records entries that others left in Redis and that would end beat or a worker.

Anybody with Redis' password may write to it. An unreadable schedule ends beat at each start. One
message that can't be given back to its queue blocks the return of all others. A lock without an end
is never released.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from celery import Celery
from kombu.utils.json import loads
from redbeat import RedBeatSchedulerEntry
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot.bounded_text import storable
from bot.state import binding
from config.celery import CANARY, LANES, QUEUES
from config.settings import KeylessSettings
from models.database import Database
from models.tables import HeartbeatRow
from workers.celery.lanes import is_lane

log = logging.getLogger(__name__)

KIND = "foreign_entries_dropped"
_SHOWN = 20
_TIMEOUT_SECONDS = 5.0
_SKEW = timedelta(minutes=1)
"""How far a last run may be ahead of this machine's clock."""
# kombu's own names and times.
_UNACKED, _UNACKED_INDEX, _UNACKED_MUTEX = b"unacked", b"unacked_index", b"unacked_mutex"
_DEADLINES = b"_kombu.binding_deadlines"
_MUTEX_SECONDS = 300
_SEPARATOR = "\x06\x16"


@dataclass(frozen=True, slots=True)
class Dropped:
    """An entry that was taken out of Redis."""

    place: str
    why: str


def clean_schedule(app: Celery) -> list[Dropped]:
    """Drops the entries of RedBeat's database that its start can't read or that aren't ours."""
    conf = app.redbeat_conf
    schedule, statics, lock = (
        name.encode() for name in (conf.schedule_key, conf.statics_key, conf.lock_key)
    )
    with _client(conf.redis_url, conf.redbeat_redis_options) as client:
        found = [
            *_of_another_type(client, {schedule: b"zset", statics: b"set"}),
            *_endless(client, lock, conf.lock_timeout),
        ]
        bad = _bad_entries(client, app, {schedule, statics, lock})
        for key, why in bad.items():
            client.zrem(schedule, key)
            if key.startswith(conf.key_prefix.encode()):  # other keys are not beat's
                client.delete(key)
            found.append(_dropped(key, why))
    return found


def clean_broker(url: str) -> list[Dropped]:
    """Drops unreadable messages, foreign bindings and lanes, keys of a wrong type and endless
    locks."""
    bindings = {f"_kombu.binding.{queue}".encode(): queue for queue in QUEUES}
    types = {_UNACKED: b"hash", _UNACKED_INDEX: b"zset", _DEADLINES: b"zset"}
    types[LANES.encode()] = b"set"
    types |= {f"_kombu.binding_permanent.{queue}".encode(): b"set" for queue in QUEUES}
    types |= dict.fromkeys(bindings, b"set") | {queue.encode(): b"list" for queue in QUEUES}
    with _client(url) as client:
        found = [
            *_of_another_type(client, types),
            *_endless(client, _UNACKED_MUTEX, _MUTEX_SECONDS),
        ]
        for tag, stored in client.hscan_iter(_UNACKED):
            if not _can_be_given_back(stored) and client.hdel(_UNACKED, tag):
                client.zrem(_UNACKED_INDEX, tag)
                found.append(_dropped(_UNACKED + b" " + tag, "is no message"))
        for key, queue in bindings.items():
            ours = _SEPARATOR.join((queue, "", queue)).encode()
            for member in client.smembers(key) - {ours}:
                client.srem(key, member)
                found.append(_dropped(key + b" " + member, "is no binding of ours"))
        for lane in client.smembers(LANES):
            if not is_lane(lane.decode("utf-8", "replace")):
                client.srem(LANES, lane)
                found.append(_dropped(LANES.encode() + b" " + lane, "is no lane"))
            else:
                found += _of_another_type(client, {lane: b"list"})
    return found


def clean_and_record(settings: KeylessSettings, app: Celery | None = None) -> None:
    """Cleans the broker for a worker. With `app`, cleans beat's schedule and foreign canaries'
    heartbeats.

    Each process has the rights in Redis to drop the entries that would end it. Raises no error for
    servers that are away, because each process waits for them by itself.
    """
    url = settings.require_redis_url()
    try:
        found = clean_broker(url) if app is None else clean_schedule(app)
    except RedisError as error:
        log.warning(
            "Redis can't be searched for foreign entries: %s",
            error,
            extra={"event": "what_others_left_in_redis_cant_be_looked_for"},
        )
        found = []
    if found:
        log.critical(
            "%d foreign entries of Redis are deleted: %s",
            len(found),
            _shown(found),
            extra={"event": "foreign_entries_of_redis_are_dropped"},
        )
    if settings.database_url is None or (app is None and not found):
        return
    db = Database(settings.require_database_url(), pool_size=1)
    try:
        with db.unit_of_work() as uow:
            if app is not None:
                found += _drop_canaries(uow.session)
            if found:
                # The binding names the account. A wrong variable would start a chain of another
                # account.
                bound = binding.bound_to(uow.session)
                account = settings.account if bound is None else bound.account
                details = {"count": len(found), "shown": _shown(found)}
                uow.audit(account, KIND, "start", "cleaning", details, datetime.now(UTC))
            uow.commit()
    except SQLAlchemyError as error:
        log.error(
            "deleted entries of Redis can't be recorded: %s",
            error,
            extra={"event": "dropped_entries_cant_be_recorded"},
        )
    finally:
        db.dispose()


def _drop_canaries(session: Session) -> list[Dropped]:
    """Drops heartbeats of unknown queues: they grow old, and `mlrisk doctor` would report dead
    queues."""
    ours = [f"{CANARY}{queue}" for queue in QUEUES]
    names = session.scalars(
        delete(HeartbeatRow)
        .where(HeartbeatRow.name.startswith(CANARY), HeartbeatRow.name.not_in(ours))
        .returning(HeartbeatRow.name)
    )
    return [Dropped(storable(name), "is no queue of ours") for name in names]


def _bad_entries(client: Redis, app: Celery, controls: set[bytes]) -> dict[bytes, str]:
    """The keys of RedBeat that its start can't read or that would run foreign tasks, each with a
    reason."""
    conf = app.redbeat_conf
    prefix = conf.key_prefix.encode()
    ours = {prefix + name.encode(): entry for name, entry in conf.schedule.items()}
    # Entries of another version: RedBeat removes them itself, without reading them.
    statics = {prefix + name for name in client.smembers(conf.statics_key)}
    keys = {*client.scan_iter(prefix + b"*"), *client.zrange(conf.schedule_key, 0, -1)}
    bad = {}
    for key in keys - controls - (statics - ours.keys()):
        if key not in ours:
            bad[key] = "is no entry of ours"
        elif why := _why_unusable(key.decode(), ours[key], app):
            bad[key] = why
    return bad


def _why_unusable(key: str, expected: Mapping[str, Any], app: Celery) -> str | None:
    try:
        entry = RedBeatSchedulerEntry.from_key(key, app=app)
        name, task, last_run = entry.name, entry.task, entry.last_run_at
        late = last_run is not None and last_run > datetime.now(UTC) + _SKEW
    except Exception as error:  # noqa: BLE001 - any error would end beat
        return f"can't be read: {type(error).__name__}"
    if (app.redbeat_conf.key_prefix + name, task) != (key, expected["task"]):
        return "is another task's"
    return "has run in the future" if late else None


def _can_be_given_back(stored: bytes) -> bool:
    """Whether kombu can read it as a message with its exchange and routing key."""
    try:
        message, exchange, key = loads(stored.decode())  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, LookupError, RecursionError):
        return False
    return isinstance(message, dict) and isinstance(exchange, str) and isinstance(key, str)


def _of_another_type(client: Redis, types: Mapping[bytes, bytes]) -> Iterator[Dropped]:
    for key, expected in types.items():
        if (found := client.type(key)) not in (expected, b"none"):
            client.delete(key)
            yield _dropped(key, f"is of type {found!r}")


def _endless(client: Redis, lock: bytes, seconds: float) -> Iterator[Dropped]:
    """Drops a lock that doesn't end within `seconds`. A lock of ours always ends by itself."""
    left = client.ttl(lock)
    if left == -1 or left > seconds:
        client.delete(lock)
        yield _dropped(lock, "is a lock that ends too late")


def _shown(found: list[Dropped]) -> list[dict[str, str]]:
    return [{"place": one.place, "why": one.why} for one in found[:_SHOWN]]


def _dropped(place: bytes, why: str) -> Dropped:
    return Dropped(storable(place.decode("utf-8", "replace")), why)


def _client(url: str, login: Mapping[str, str] = MappingProxyType({})) -> Redis:
    timeout = _TIMEOUT_SECONDS
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, **login)
