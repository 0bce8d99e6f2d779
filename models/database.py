"""Access to Postgres: engine, units of work, and session-level advisory locks."""

import json
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError, OperationalError
from sqlalchemy.orm import Session

from models.alerts.raising import follow
from models.audit import AuditDraft, append_entries
from models.connecting import CONNECT_TIMEOUT_SECONDS, connect_args, is_crowded
from models.text import storable, storable_json

PLACE_SECONDS = 3.0 * CONNECT_TIMEOUT_SECONDS
"""The time to connect. Our own servers end a connection without a login after a third of it."""
_AGAIN_SECONDS = 0.1


def plain_json(value: Any) -> str:
    """JSON for a column: without NaN, which Postgres would refuse later and less clearly, and
    without unstorable characters."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    if "\\u0000" in text or "\\ud" in text:
        text = json.dumps(storable_json(value), allow_nan=False, separators=(",", ":"))
    return text


def _refuse_ended(connection: psycopg.Connection[Any], *_: object) -> None:
    """Removes a connection that the server has ended from the pool before it is used.

    A ping would find it too, for a round trip in every transaction. Postgres says nothing on an
    idle connection but that it ends it, so a look at the socket is enough.
    """
    if connection.closed:
        raise InvalidatePoolError
    looking = select.poll()
    looking.register(connection.fileno(), select.POLLIN)
    if looking.poll(0):
        raise InvalidatePoolError


def _as_lost_connection(context: ExceptionContext) -> OperationalError | None:
    """Treats a transaction that was ended for its silence as a lost connection.

    psycopg calls it an internal error, which nobody tries again.
    """
    error = context.original_exception
    if not isinstance(error, psycopg.errors.IdleInTransactionSessionTimeout):
        return None
    return OperationalError(
        context.statement, None, error, connection_invalidated=context.is_disconnect
    )


class Database:
    """One engine per process; never shared over a fork."""

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.engine: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=5,
            json_serializer=plain_json,
            connect_args=connect_args(),
            # No column has this type, and a halt waits for each question of a first connection.
            use_native_hstore=False,
        )
        event.listen(self.engine, "checkout", _refuse_ended)
        event.listen(self.engine, "handle_error", _as_lost_connection, retval=True)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def unit_of_work(self) -> "UnitOfWork":
        """A new transaction, for use in a `with` block."""
        return UnitOfWork(self.engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reads only; each statement sees what is committed when it starts.

        It has no transaction, for one would end in a ROLLBACK, at which psycopg throws away every
        statement that it has prepared on the connection. Rows stay readable after it, as they
        were.
        """
        with Session(self._reading, autoflush=False) as session:
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A plain transaction without audit entries; commits on a clean exit."""
        with Session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def autocommit_connection(self) -> Iterator[Connection]:
        """A connection for session-level locks: no transaction stays open on it."""
        with self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def ping(self) -> None:
        """Asks Postgres for an answer. Raises SQLAlchemy's OperationalError when none comes."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def wait_for_a_place(self, seconds: float = PLACE_SECONDS) -> None:
        """Returns when Postgres takes a connection of ours, at once unless others fill it up."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.ping()
            except OperationalError as error:
                if not is_crowded(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN_SECONDS)

    def dispose(self) -> None:
        """Closes the pool's connections."""
        self.engine.dispose()


class UnitOfWork:
    """One transaction with its audit entries and the actions after its commit.

    Leaving the block without `commit()` rolls everything back. Audit entries are written last, so
    that the chain's lock is held for the shortest time.
    """

    def __init__(self, engine: Engine) -> None:
        self.session = Session(engine, expire_on_commit=False)
        self._drafts: list[AuditDraft] = []
        self._after: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.close()

    def audit(
        self, chain: str, kind: str, subject: str, actor: str, payload: dict[str, Any], at: datetime
    ) -> None:
        """Adds an audit entry to this transaction; it is hashed as it will be kept."""
        self._drafts.append(
            AuditDraft(chain, kind, storable(subject), storable(actor), storable_json(payload), at)
        )

    def after_commit(self, action: Callable[[], None]) -> None:
        """Runs `action` once the transaction is durable; never when it was rolled back."""
        self._after.append(action)

    def rehearse(self) -> None:
        """Runs every statement of `commit` and takes all of them back; no waiting action runs."""
        self._write()
        self.session.rollback()
        self._drafts.clear()
        self._after.clear()

    def commit(self) -> None:
        """Writes alerts and audit entries, commits, and then runs the waiting actions in order."""
        self._write()
        self.session.commit()
        self._drafts.clear()
        actions, self._after = self._after, []
        for action in actions:
            action()

    def _write(self) -> None:
        self.session.flush()
        follow(self.session, self._drafts)
        append_entries(self.session, self._drafts)
