"""A Redis that refuses every write counts as one that is away: clients come again.

It refuses them while its log can't be written. To the Redis client that is a wrong command, and
Celery's processes end on one.
"""

from redis import exceptions
from redis._parsers.base import BaseParser


class WritesRefusedError(exceptions.ConnectionError):
    """Redis answers, and takes nothing."""


def count_as_away() -> None:
    """For every connection of this process to Redis."""
    BaseParser.EXCEPTION_CLASSES["MISCONF"] = WritesRefusedError
