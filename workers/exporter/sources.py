"""Reads one source again and again in a thread of its own, so that none waits for another."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from bot.safety.lease.sensing import database_time
from models.database import Database
from workers.exporter import catalogue as c
from workers.exporter import conditions, queues
from workers.exporter.board import Board
from workers.exporter.impact import NewestImpact
from workers.exporter.rows import CountedRows

log = logging.getLogger(__name__)

STATE_SECONDS = 2.0
"""The lease counts for six seconds: a third of that shows each change in time."""
ROWS_SECONDS = 5.0
REDIS_SECONDS = 2.0


@dataclass
class Source:
    """One source: its name, the pause between two readings, and how it is read."""

    name: str
    seconds: float
    board: Board
    read: Callable[[float], None]
    """Reads it and posts the result to the board; gets the moment of its begin."""

    def look(self) -> bool:
        """One reading. A server that doesn't answer is noted on the board; returns False then."""
        try:
            self.read(self.board.monotonic())
        except (DBAPIError, RedisError, OSError) as error:
            # An error's text may quote an address with a password.
            self.board.fail(self.name, type(error).__name__)
            log.warning(
                "the exporter can't read %s: %s",
                self.name,
                type(error).__name__,
                extra={"event": "exporter_cant_read", "source": self.name},
            )
            return False
        return True

    def run(self, stop: threading.Event) -> None:
        """Reads until `stop` is set."""
        while not stop.is_set():
            begun = time.monotonic()
            self.look()
            stop.wait(max(0.1, begun + self.seconds - time.monotonic()))


def rows_source(board: Board, db: Database, fallback: str) -> Source:
    """The counted rows."""
    counted: CountedRows | None = None
    impact = NewestImpact(board.monotonic)

    def read(began: float) -> None:
        nonlocal counted
        with db.reading() as session:
            account = conditions.account_of(session, fallback)
            if counted is None or counted.account != account:
                counted = CountedRows(account)
            figures = counted.read(session, database_time(session))
            figures.update(impact.read(session))
        board.post(c.ROWS, figures, began)

    return Source(c.ROWS, ROWS_SECONDS, board, read)


def state_source(board: Board, db: Database, fallback: str) -> Source:
    """The present state, and whether the system may trade."""

    def read(began: float) -> None:
        with db.reading() as session:
            found = conditions.read(session, conditions.account_of(session, fallback))
        board.post(c.STATE, found.figures, began)
        board.post_readiness(found.problems, found.lease_left_seconds, began)

    return Source(c.STATE, STATE_SECONDS, board, read)


def redis_source(board: Board, broker: Redis) -> Source:
    """The queues."""

    def read(began: float) -> None:
        board.post(c.REDIS, queues.read(broker), began)

    return Source(c.REDIS, REDIS_SECONDS, board, read)
