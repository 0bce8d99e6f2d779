"""Asks for a look at the circuit breakers after an event, and for few looks after many events.

A mark in Redis says that a look is asked for and has not begun. An event that finds the mark adds
no message, because the look that follows sees it. A look takes the mark away before it reads
anything, so that a later event asks again. Two looks for events begin at least a second apart.

Everything here may be lost: beat's look comes within seconds.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

GAP_SECONDS = 1.0
"""The least time between the beginnings of two looks for events. A thousand fills of one second
therefore cost two looks."""
LOST_AFTER_SECONDS = 10
"""A look that has not begun by then is asked for again: its message was lost."""
_REST_SECONDS = 5.0
"""After a failure of Redis nothing is asked for so long, because each failure may take a
timeout."""
_ASKED, _BEGUN = "mlrisk:breakers:asked", "mlrisk:breakers:begun"


@dataclass
class EarlyLooks:
    """One process's requests for looks at the breakers."""

    client: Redis
    send: Callable[[float], None]
    """Enqueues a look that begins after so many seconds."""
    monotonic: Callable[[], float] = time.monotonic
    _rests_until: float = field(default=0.0, init=False)

    def ask(self) -> None:
        """Asks for a look, unless one is asked for already. Never raises when Redis is away."""
        if self.monotonic() < self._rests_until:
            return
        try:
            if self.client.set(_ASKED, 1, nx=True, ex=LOST_AFTER_SECONDS):
                self.send(max(0, int(self.client.pttl(_BEGUN))) / 1000)
        except RedisError as error:
            self._failed(error)

    def begin(self) -> None:
        """Notes that a look begins; an event from now on asks for another one."""
        try:
            pipe = self.client.pipeline(transaction=True)
            pipe.set(_BEGUN, 1, px=int(GAP_SECONDS * 1000))
            pipe.delete(_ASKED)
            pipe.execute()
        except RedisError as error:
            self._failed(error)

    def _failed(self, error: RedisError) -> None:
        self._rests_until = self.monotonic() + _REST_SECONDS
        log.warning(
            "no early look at the breakers can be asked for, and beat's looks go on: %s",
            error,
            extra={"event": "no_early_look_at_breakers"},
        )
