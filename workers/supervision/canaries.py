"""Restarts workers that take no messages: `python -m workers.supervision.canaries HOME`.

This process looks at each queue's canary, and `workers.supervision.silence` decides. It asks a
silent worker for its tasks, and has supervisord start one anew that begins none. The restart is an
entry of the audit. No order depends on it: a claimed row is sent by one process at most, and a
killed worker's messages come again.
"""

import argparse
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from config.celery import (
    CANARY,
    QUEUES,
    WORKERS,
    celery_settings,
    with_database,
)
from config.settings import load_keyless_settings
from models.database import Database
from models.tables import HeartbeatRow
from workers.celery.refused_writes import count_as_away
from workers.home import Home
from workers.logs import configure_logging
from workers.stop_event import stop_by_signal
from workers.supervision import launches, readiness, restarts
from workers.supervision.silence import (
    DOUBTFUL_SECONDS,
    IDLE_SECONDS,
    LONGEST_TASK_SECONDS,
    SILENT_SECONDS,
    Answer,
    Idleness,
    Look,
    Restarts,
    Silences,
    Silent,
)
from workers.supervision.supervisor import Supervisor

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
_TIMEOUT_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
"""The time for a worker's answer, which waits for its turn on a busy machine."""
_AWAY = (RedisError, DBAPIError, OperationalError, OSError)


@dataclass
class Canaries:
    """Looks at the workers of one home, and restarts silent ones."""

    home: Home
    db: Database
    broker: Redis
    ask: Callable[[Sequence[str]], Mapping[str, Answer]]
    """What workers tell of their tasks, without those that don't answer. All are asked at once:
    waiting for one after the other would make the gap between two looks too long to count. Raises
    one of the broker's errors."""
    clock: Callable[[], float] = time.monotonic
    _silences: Silences = field(default_factory=Silences)
    _idleness: Idleness = field(default_factory=Idleness)
    _restarts: Restarts = field(default_factory=Restarts)

    def look(self) -> None:
        """Restart the workers that are silent and idle. Nothing counts while Postgres or Redis is
        away."""
        try:
            doubtful = self._silences.look(self._seen(), DOUBTFUL_SECONDS)
            answers = self.ask([one.worker for one in doubtful]) if doubtful else {}
        except _AWAY as error:
            self._silences.forget()
            self._idleness.forget()
            log.info("canaries can't be judged: %s", type(error).__name__)
            return
        self._idleness.keep({one.worker for one in doubtful})
        for one in doubtful:
            idle = self._idleness.seconds(one, answers.get(one.worker), self.clock())
            if one.seconds > SILENT_SECONDS and idle >= IDLE_SECONDS:
                self._restart(one)

    def _seen(self) -> Look:
        with self.db.reading() as session:
            rows = session.execute(
                select(HeartbeatRow.name, HeartbeatRow.at).where(
                    HeartbeatRow.name.startswith(CANARY)
                )
            )
            canaries = {name.removeprefix(CANARY): at for name, at in rows}
        with self.broker.pipeline(transaction=False) as pipe:
            for queue in QUEUES:
                pipe.llen(queue)
            waiting = dict(zip(QUEUES, pipe.execute(), strict=True))
        return Look(self.clock(), self._workers(), canaries, waiting)

    def _workers(self) -> dict[str, int]:
        records = {
            name: launches.record(self.home, name)
            for name in WORKERS
            if launches.announced(self.home, name)
        }
        return {name: int(record["pid"]) for name, record in records.items() if "pid" in record}

    def _restart(self, one: Silent) -> None:
        ended = Supervisor.attach(self.home).renew_process(one.worker, one.pid)
        if not ended:
            return
        again = self._restarts.note(one.worker, self.clock())
        restarts.tell(self.db, one, "canaries", again=again)


def ask_workers(redis_url: str, workers: Sequence[str]) -> dict[str, Answer]:
    """Ask workers through the broker for their tasks. Who doesn't answer is missing.

    A task at hand that is older than every time limit doesn't count: nothing ends it any more.
    """
    host = socket.gethostname()
    with Celery(set_as_current=False) as app:
        app.conf.update(celery_settings(redis_url))
        # This process takes no messages, and may not give others' messages back to a queue.
        app.conf.broker_transport_options |= {"ack_emulation": False}
        names = [f"{worker}@{host}" for worker in workers]
        active = app.control.inspect(names, timeout=_ANSWER_SECONDS).active() or {}
        answering = app.control.inspect(list(active), timeout=_ANSWER_SECONDS)
        told = (answering.stats() or {}) if active else {}
    oldest = time.time() - LONGEST_TASK_SECONDS
    return {
        name.partition("@")[0]: Answer(
            any((task["time_start"] or time.time()) > oldest for task in active[name]),
            sum(stats["total"].values()),
        )
        for name, stats in told.items()
    }


def canaries_of(home: Home) -> Canaries:
    """The watch over the workers of a home, with the addresses of this process's settings."""
    settings = load_keyless_settings()
    redis_url = settings.require_redis_url()
    broker = Redis.from_url(
        with_database(redis_url, 0),
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
    )
    db = Database(settings.require_database_url(), pool_size=1)
    return Canaries(home, db, broker, lambda workers: ask_workers(redis_url, workers))


def main() -> None:
    """Look every two seconds until told to stop."""
    parser = argparse.ArgumentParser(prog="workers.supervision.canaries", description=__doc__)
    parser.add_argument("home", type=Path)
    arguments = parser.parse_args()
    configure_logging(load_keyless_settings().log_format)
    count_as_away()
    stop = stop_by_signal()
    canaries = canaries_of(Home(arguments.home))
    readiness.announce()
    while not stop.wait(LOOK_SECONDS):
        canaries.look()


if __name__ == "__main__":
    main()
