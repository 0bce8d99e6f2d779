"""Connections to Postgres, with bounds, so that no process waits for a dead one.

A frozen process (SIGSTOP, a paused container, swap) keeps its connection and its locks until they
are ended; a vanished machine does so until keepalives notice.
"""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

CONNECT_TIMEOUT_SECONDS = 5
LOCK_TIMEOUT_MS = 10_000
"""The longest wait for a lock; a gate or a sender is better tried again from its row."""
STATEMENT_TIMEOUT_MS = 30_000
IDLE_IN_TRANSACTION_MS = 5_000
"""The longest silence inside a transaction, half of the time that others wait for its locks. A
transaction calls only Postgres and, for at most 0.3 s, Redis; a longer silence means a frozen
process."""

# The client finds a vanished server within 11 s (idle + interval * count), and unacknowledged
# data, that of a query, within 10 s.
_CLIENT_SIDE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# The same from the server's side: a vanished client's transaction ends with it, a long statement
# as well. Answers that a frozen client doesn't take end by the user timeout.
_SERVER_SIDE = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "client_connection_check_interval": "5000",
}


def connect_args(
    application_name: str = "mlrisk",
    *,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    idle_in_transaction_ms: int = IDLE_IN_TRANSACTION_MS,
    **settings: str,
) -> dict[str, Any]:
    """Arguments of psycopg's `connect`, for SQLAlchemy's engines and without them."""
    session = {
        "lock_timeout": str(lock_timeout_ms),
        "statement_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": str(idle_in_transaction_ms),
        **_SERVER_SIDE,
        "timezone": "UTC",
        **settings,
    }
    return {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "application_name": application_name,
        **_CLIENT_SIDE,
        "options": " ".join(f"-c {key}={value}" for key, value in session.items()),
    }


def is_crowded(error: OperationalError) -> bool:
    """Whether Postgres had no place for one more connection; silent ones are ended soon."""
    # Before there is a session psycopg knows no code of an error.
    return any(sign in str(error.orig) for sign in _CROWDED)


_CROWDED = ("too many clients", "too many connections", "connection slots are reserved")


def server_settings() -> dict[str, str]:
    """The bounds that our own server sets for clients without bounds."""
    return {
        **_SERVER_SIDE,
        "lock_timeout": "60000",
        "idle_in_transaction_session_timeout": "60000",
    }


def migration_engine(url: str) -> Engine:
    """An engine for changing tables: short waits for locks, and no limit on statements."""
    return create_engine(
        url,
        connect_args=connect_args(
            "mlrisk-migration", statement_timeout_ms=0, idle_in_transaction_ms=60_000
        ),
    )
