"""Treats a Redis that refuses every write as unreachable, so that clients try again.

Redis refuses writes while it can't write its log. The Redis client takes such a refusal for the
error of a wrong command, and Celery's processes end on that error.
"""

from redis import exceptions
from redis._parsers.base import BaseParser


class WritesRefusedError(exceptions.ConnectionError):
    """Redis answers, but refuses every write."""


def count_as_away() -> None:
    """Applies this to every connection of this process to Redis."""
    BaseParser.EXCEPTION_CLASSES["MISCONF"] = WritesRefusedError
