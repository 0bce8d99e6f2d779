"""A worker's look at itself, where nobody else restarts a worker that takes no messages.

In containers the engine starts a process again only when it ends. A thread of the worker therefore
looks every two seconds. It touches the worker's pulse, which the health check reads, and ends a
worker that has taken nothing for long although messages wait.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from celery.worker import state
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from config.celery import TASK_TIME_LIMIT_SECONDS, WORKERS, with_database
from config.settings import Settings
from models.database import Database
from workers import pulse
from workers.celery.transport import TAKEN
from workers.supervision import restarts
from workers.supervision.silence import LONGEST_TASK_SECONDS, Look, Silences, Silent

if TYPE_CHECKING:
    from celery.worker.consumer import Consumer

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
GRACE_SECONDS = TASK_TIME_LIMIT_SECONDS / 2
"""The time for a clean end, after which the worker is killed: its loop hangs."""
_TIMEOUT_SECONDS = 2.0


@dataclass
class Watch:
    """Judges one worker by the messages that it takes and those that wait for it."""

    worker: str
    broker: Redis
    taken: Mapping[str, int]
    """The number of messages that this process has taken, by queue."""
    is_at_work: Callable[[], bool]
    pulse: Path
    clock: Callable[[], float] = time.monotonic
    _silences: Silences = field(default_factory=Silences)

    def look(self) -> Silent | None:
        """The silence that is too long, if there is one. Touches the pulse when there is none.

        Nothing counts while the broker is away, and the pulse grows old meanwhile.
        """
        queues = WORKERS[self.worker]
        try:
            waiting = {queue: int(self.broker.llen(queue)) for queue in queues}
        except (RedisError, OSError) as error:
            self._silences.forget()
            log.info("this worker can't look at its queues: %s", type(error).__name__)
            return None
        taken = {queue: self.taken[queue] for queue in queues}
        found = self._silences.look(Look(self.clock(), {self.worker: os.getpid()}, taken, waiting))
        if found and not self.is_at_work():
            return found[0]
        self._touch()
        return None

    def _touch(self) -> None:
        try:
            self.pulse.touch(mode=0o600)
        except OSError as error:
            log.warning(
                "this worker can't touch its pulse: %s",
                error,
                extra={"event": "a_pulse_cant_be_touched"},
            )


def has_task_at_hand() -> bool:
    """Whether a task of this worker is running that no time limit should have ended by now."""
    oldest = time.time() - LONGEST_TASK_SECONDS
    try:
        running: Sequence[float | None] = [task.time_start for task in state.active_requests]
    except RuntimeError:  # another thread began or ended a task during the look
        return True
    return any(start is None or start > oldest for start in running)


def watch_itself(consumer: "Consumer", settings: Settings) -> None:
    """Starts the look in a thread that ends with the process, if this worker has a pulse."""
    file = pulse.path()
    if file is None:
        return
    broker = Redis.from_url(
        with_database(settings.require_redis_url(), 0),
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
    )
    worker = str(consumer.hostname).partition("@")[0]
    watch = Watch(worker, broker, TAKEN, has_task_at_hand, file)

    def go_on() -> None:
        while (silent := watch.look()) is None:
            time.sleep(LOOK_SECONDS)
        _tell(silent, settings)
        _end()

    threading.Thread(target=go_on, name="watch-itself", daemon=True).start()


def _tell(silent: Silent, settings: Settings) -> None:
    db = Database(settings.require_database_url(), pool_size=1)
    try:
        again = restarts.was_lately(db, silent.worker)
    except DBAPIError:
        again = False  # that nothing can be recorded either is told next
    restarts.tell(db, silent, silent.worker, again=again)
    db.dispose()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    log.critical("this worker hangs and is killed", extra={"event": "a_hanging_worker_is_killed"})
    os.kill(os.getpid(), signal.SIGKILL)
