"""Applies one act to many rows, so that a failing row delays no other."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from bot.errors import MlriskError
from bot.execution.orders.attempts import SERVERS_AWAY, failure_text

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

FAILURES_IN_A_ROW = 3
"""After this many failures in a row that a server may have caused, the server is taken as the
cause."""


def each(items: Iterable[T], act: Callable[[T], R], what: str) -> Iterator[R]:
    """Yields the result of `act` for each item for which it succeeds.

    Raises an error of a server once several items in a row have failed by it. Every other error
    belongs to its item and is an alert.
    """
    in_a_row = 0
    for item in items:
        try:
            result = act(item)
        except (MlriskError, *SERVERS_AWAY) as error:
            in_a_row += 1
            if in_a_row == FAILURES_IN_A_ROW:
                raise
            _tell(logging.ERROR, what, item, error)
        except Exception as error:  # noqa: BLE001 - the others must have their turn
            _tell(logging.CRITICAL, what, item, error)
        else:
            in_a_row = 0
            yield result


def _tell(level: int, what: str, item: object, error: Exception) -> None:
    log.log(
        level,
        "%s: %s",
        what,
        failure_text(error),
        extra={"event": "one_of_many_failed", "item": str(item)},
    )
