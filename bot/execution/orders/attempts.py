"""Reads a failed attempt: whether a server is away, or the fault in bounded text."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from bot.bounded_text import storable
from bot.errors import RetryLater

SERVERS_AWAY = (OperationalError, InterfaceError, RetryLater)
"""Errors of unreachable servers: they count as no attempt."""
MAX_FAILURE = 500
"""Characters that are kept of a failure."""


def failure_text(error: Exception) -> str:
    """The error without the statement and the values around it."""
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return storable(f"{type(origin).__name__}: {' '.join(str(origin).split())}", MAX_FAILURE)
