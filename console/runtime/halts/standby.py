"""A connection to Postgres that stands by for halts.

A login and the first use of each statement take most of a halt's time on a busy machine. A process
that runs all the time pays for both before somebody halts. A halt never depends on it: where the
connection is gone, used by another halt or without an answer, the caller takes a new one.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from bot.authority.actors import Actor
from bot.clock import Clock
from bot.safety.halting import latching
from bot.safety.halting.latching import Latched
from bot.state.scope import Scope
from models.database import Database

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 1.0
"""The wait for this connection. A new one waits for itself."""
LOOK_SECONDS = 15.0
"""The pause between looks whether the connection still stands."""


class HaltStandby:
    """Halts by a connection that is open already. It is shared by threads, one halt at a time."""

    def __init__(
        self, url: str, clock: Clock, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._db = Database(url, pool_size=1)
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._used = threading.Lock()
        self._may_connect = False
        self._connection: psycopg.Connection[Any] | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        event.listen(self._db.engine, "do_connect", self._refuse_to_connect)
        event.listen(self._db.engine, "checkout", self._note)

    def start(self) -> None:
        """Connects, and looks after the connection in a thread until `close`."""
        self._thread = threading.Thread(target=self._keep, name="halt-standby", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and the connection."""
        self._over.set()
        self._cut()
        if self._thread is not None:
            self._thread.join()
        self._db.dispose()

    def prepare(self) -> bool:
        """Opens the connection, and runs the statements of a halt, which are taken back.

        Returns whether the connection stands.
        """

        def rehearse() -> bool:
            latching.rehearse(self._db, self._clock)
            return True

        with self._used:
            self._may_connect = True
            try:
                return self._answer(rehearse) or False
            finally:
                self._may_connect = False

    def set_halted(
        self, reason: str, actor: Actor, scope: Scope, *, flatten: bool
    ) -> Latched | None:
        """Halts as `TradingHalt.set_halted`; None when this connection gave no answer in time.

        The halt may be in force even so. A second one over another connection does no harm.
        """
        if not self._used.acquire(blocking=False):
            return None
        try:
            return self._answer(
                lambda: latching.set_halted(
                    self._db, self._clock, reason, actor, scope, flatten=flatten
                )
            )
        finally:
            self._used.release()

    def _keep(self) -> None:
        stands = False
        while not self._over.is_set():
            stands = (stands and self._stands()) or self.prepare()
            self._over.wait(LOOK_SECONDS)

    def _stands(self) -> bool:
        """Whether the connection answers. While a halt uses it nobody asks."""

        def ping() -> bool:
            self._db.ping()
            return True

        if not self._used.acquire(blocking=False):
            return True
        try:
            return self._answer(ping) or False
        finally:
            self._used.release()

    def _answer(self, ask: Callable[[], Answer]) -> Answer | None:
        """What the connection answers; None, and a line of the log, when nothing comes in time."""
        try:
            with self._bounded():
                return ask()
        except SQLAlchemyError as error:
            log.warning(
                "the connection that stands by for halts gives no answer: they take a new one (%s)",
                type(getattr(error, "orig", error)).__name__,
                extra={"event": "halt_standby_lost"},
            )
            return None

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Ends the wait for a Postgres that is frozen, which would answer never."""
        timer = threading.Timer(self._patience_seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        """Shuts the connection down from our side, so that its user's wait ends with an error."""
        connection = self._connection
        # It may be closed at the same moment.
        with suppress(OSError, psycopg.Error):
            if connection is not None and not connection.closed:
                with socket.socket(fileno=os.dup(connection.fileno())) as end:
                    end.shutdown(socket.SHUT_RDWR)

    def _note(self, connection: psycopg.Connection[Any], *_: object) -> None:
        self._connection = connection

    def _refuse_to_connect(self, *_: object) -> None:
        if not self._may_connect:
            raise psycopg.OperationalError("the connection that stood by is gone")
