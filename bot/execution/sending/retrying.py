"""The pause of a child after an attempt that the exchange provably did not take."""

import zlib
from datetime import timedelta

from bot.errors import RetryLater
from models.tables import ChildOrderRow

LONGEST_BACKOFF_SECONDS = 5.0
"""The longest pause of an entry, so that it goes on soon after the exchange is back."""
LONGEST_EXIT_BACKOFF_SECONDS = 1.0
"""The longest pause of an exit, which precedes entries then."""
_SPREAD = 0.5


def not_taken_delay(child: ChildOrderRow, error: RetryLater) -> timedelta:
    """Doubled with each attempt up to a bound, never less than the exchange asks for.

    The pause is spread by up to half, so that children that failed together do not come back
    together. The spread follows from the child's id, so that the same attempt always waits equally
    long.
    """
    doubled = error.after_seconds * 2.0 ** min(max(child.posts - 1, 0), 16)
    longest = LONGEST_EXIT_BACKOFF_SECONDS if child.reduce_only else LONGEST_BACKOFF_SECONDS
    backoff = min(doubled, longest)
    place = zlib.crc32(f"{child.order_link_id}/{child.posts}".encode()) % 1000 / 1000
    return timedelta(seconds=max(error.after_seconds, backoff * (1 - _SPREAD * place)))
