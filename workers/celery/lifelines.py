"""Postgres and Redis are what everything stands on: when one is gone for long, people hear.

The system can't tell by itself then: no task runs, nothing is recorded. The feed lives through it,
alone and in containers, and so it watches. Whoever is asked may hang instead of failing, so that
each is asked in a thread of its own, and another one looks how long ago each has answered.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from bot.clock import Clock
from bot.risk import alerts
from models.database import Database
from tasks.bootstrap import Services

log = logging.getLogger(__name__)

PATIENCE = timedelta(seconds=15)
"""A restart of Postgres or Redis takes seconds, and work goes on by itself after it."""
SECONDS_BETWEEN = 2.0
SYSTEM_FAILURE = "system_failure"
SYSTEM_FAILURE_OVER = "system_failure_over"
_UNREACHABLE = (RedisError, DBAPIError)
_ACTOR = "feed"


@dataclass
class Lifeline:
    """One of the two, and when it last answered."""

    name: str
    ask: Callable[[], object]
    """Raises DBAPIError or RedisError where there is no answer."""
    answered_at: datetime
    failed_since: datetime | None = None
    """Set once people have been told."""


@dataclass(frozen=True)
class Entry:
    """What is to be recorded, as soon as it can be."""

    kind: str
    name: str
    payload: dict[str, object]
    at: datetime


@dataclass
class Lifelines:
    """Judges how long each has been silent. Records what it told once Postgres takes it."""

    db: Database
    account: str
    clock: Clock
    probes: Mapping[str, Callable[[], object]]
    patience: timedelta = PATIENCE
    _lines: dict[str, Lifeline] = field(init=False)
    _owed: list[Entry] = field(init=False, default_factory=list)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        now = self.clock.now()
        self._lines = {name: Lifeline(name, ask, now) for name, ask in self.probes.items()}

    def ask(self, name: str) -> bool:
        """Asks one of them; whether it has answered. A hanging one hangs this call."""
        line = self._lines[name]
        try:
            line.ask()
        except _UNREACHABLE:
            return False
        line.answered_at = self.clock.now()
        return True

    def look(self) -> None:
        """Tells of a silence that has become long, once, and of its end. Asks nobody."""
        now = self.clock.now()
        for line in self._lines.values():
            silent = now - line.answered_at
            if line.failed_since is None and silent >= self.patience:
                line.failed_since = line.answered_at
                self._tell(line, SYSTEM_FAILURE, now)
            elif line.failed_since is not None and silent < self.patience:
                self._tell(line, SYSTEM_FAILURE_OVER, now)
                line.failed_since = None

    def record(self) -> None:
        """Puts what was told into the audit record; what can't be put there yet is kept."""
        with self._lock:
            entries = tuple(self._owed)
        if not entries:
            return
        try:
            with self.db.unit_of_work() as uow:
                for one in entries:
                    uow.audit(self.account, one.kind, one.name, _ACTOR, one.payload, one.at)
                uow.commit()
        except DBAPIError as error:
            log.warning("a system failure is not recorded yet: %s", error.orig)
            return
        with self._lock:
            del self._owed[: len(entries)]

    def _tell(self, line: Lifeline, kind: str, now: datetime) -> None:
        since = line.failed_since or now
        seconds = round((now - since).total_seconds(), 1)
        level = alerts.of_entry(kind, {})
        word = "can't be reached" if kind == SYSTEM_FAILURE else "answers again, away"
        log.log(
            alerts.LOG_LEVELS[level],
            "%s: %s %s for %.0f s", kind, line.name, word, seconds,
            extra={"kind": kind, "server": line.name, "seconds": seconds, "alert": level.value},
        )  # fmt: skip
        payload: dict[str, object] = {"since": since.isoformat(), "seconds": seconds}
        with self._lock:
            self._owed.append(Entry(kind, line.name, payload, now))

    def start(self, stop: threading.Event) -> None:
        """Asks and looks until `stop` is set, in threads that end with the process."""
        for name in self._lines:
            _every(stop, f"lifeline-{name}", lambda name=name: self.ask(name))  # type: ignore[misc]
        _every(stop, "lifelines", self.look)
        _every(stop, "lifelines-record", self.record)


def _every(stop: threading.Event, name: str, act: Callable[[], object]) -> None:
    def go_on() -> None:
        while not stop.wait(SECONDS_BETWEEN):
            act()

    threading.Thread(target=go_on, name=name, daemon=True).start()


def lifelines_of(context: Services) -> Lifelines:
    """The servers of this process's settings, by connections that nobody else uses."""
    db = Database(context.settings.require_database_url(), pool_size=1)
    redis = Redis.from_url(
        context.settings.require_redis_url(), socket_timeout=1, socket_connect_timeout=1
    )
    probes: dict[str, Callable[[], object]] = {"postgres": db.ping, "redis": redis.ping}
    return Lifelines(db, context.settings.account, context.clock, probes)
