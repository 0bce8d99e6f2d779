"""How long a child waits after an attempt that the exchange provably did not take."""

import zlib
from datetime import timedelta

from bot.errors import RetryLater
from models.tables import ChildOrderRow

LONGEST_BACKOFF_SECONDS = 5.0
"""When the exchange is back, no slice waits longer for its next attempt."""
LONGEST_EXIT_BACKOFF_SECONDS = 1.0
"""An exit is ahead of what adds then."""
_SPREAD = 0.5


def not_taken_delay(child: ChildOrderRow, error: RetryLater) -> timedelta:
    """Doubled with each attempt up to a bound, never less than the exchange asks for.

    Spread by up to half, so that what failed together does not come back together; by the child's
    own id, so that the same attempt always waits as long.
    """
    doubled = error.after_seconds * 2.0 ** min(max(child.posts - 1, 0), 16)
    longest = LONGEST_EXIT_BACKOFF_SECONDS if child.reduce_only else LONGEST_BACKOFF_SECONDS
    backoff = min(doubled, longest)
    place = zlib.crc32(f"{child.order_link_id}/{child.posts}".encode()) % 1000 / 1000
    return timedelta(seconds=max(error.after_seconds, backoff * (1 - _SPREAD * place)))
