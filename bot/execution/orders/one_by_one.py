"""Doing the same to many rows, so that one that fails keeps no other from its turn."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from bot.errors import MlriskError
from bot.execution.orders.attempts import SERVERS_AWAY, failure_text

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

FAILURES_IN_A_ROW = 3
"""So many failures one after the other that a server may have caused: it is the server."""


def each(items: Iterable[T], act: Callable[[T], R], what: str) -> Iterator[R]:
    """What `act` gives for each item that it doesn't fail for.

    Raises what a server may have caused once it has failed several in a row; all else is the
    item's own and an alert, each time.
    """
    in_a_row = 0
    for item in items:
        try:
            result = act(item)
        except (MlriskError, *SERVERS_AWAY) as error:
            in_a_row += 1
            if in_a_row == FAILURES_IN_A_ROW:
                raise
            log.error("%s: %s", what, failure_text(error), extra={"item": str(item)})
        except Exception as error:  # noqa: BLE001 - the others must have their turn
            log.critical("%s: %s", what, failure_text(error), extra={"item": str(item)})
        else:
            in_a_row = 0
            yield result
