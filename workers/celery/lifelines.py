"""Alerts people when Postgres or Redis is away for long.

No task can do this: without these servers no task runs and nothing is recorded. The feed runs
through such an outage, in containers too, and therefore watches. A server may hang instead of
failing. Each server is therefore asked in a thread of its own, and another thread checks when each
last answered.
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
"""The silence after which people are alerted. A restart of Postgres or Redis takes seconds, and
work goes on by itself after it."""
SECONDS_BETWEEN = 2.0
SYSTEM_FAILURE = "system_failure"
SYSTEM_FAILURE_OVER = "system_failure_over"
_UNREACHABLE = (RedisError, DBAPIError)
_ACTOR = "feed"


@dataclass
class Lifeline:
    """One of the two servers, with the time of its last answer."""

    name: str
    ask: Callable[[], object]
    """Asks the server. Raises DBAPIError or RedisError when it doesn't answer."""
    answered_at: datetime
    failed_since: datetime | None = None
    """The start of a silence that people have been alerted about; otherwise None."""


@dataclass(frozen=True)
class Entry:
    """An audit entry that is written as soon as Postgres takes it."""

    kind: str
    name: str
    payload: dict[str, object]
    at: datetime


@dataclass
class Lifelines:
    """Judges how long each server has been silent. Records its alerts once Postgres takes them."""

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
        """Asks one server; returns whether it answered. A hanging server hangs this call."""
        line = self._lines[name]
        try:
            line.ask()
        except _UNREACHABLE:
            return False
        line.answered_at = self.clock.now()
        return True

    def look(self) -> None:
        """Alerts once about a long silence, and once about its end. Asks no server."""
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
        """Writes the alerts into the audit. Keeps those that can't be written yet."""
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
            log.warning(
                "a system failure can't be recorded yet: %s",
                error.orig,
                extra={"event": "a_system_failure_is_not_recorded_yet"},
            )
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
    """The lifelines to the servers of this process's settings, over connections of their own."""
    db = Database(context.settings.require_database_url(), pool_size=1)
    redis = Redis.from_url(
        context.settings.require_redis_url(), socket_timeout=1, socket_connect_timeout=1
    )
    probes: dict[str, Callable[[], object]] = {"postgres": db.ping, "redis": redis.ping}
    return Lifelines(db, context.settings.account, context.clock, probes)
