"""The venue's ban of this machine's address: one stop for all processes, until it is over.

After HTTP 403 every further call prolongs the ban, so that whoever meets it tells the others
through Redis, and each process that has heard of it keeps it in its own memory, because Redis may
lose its own. Exits stop as well: nothing of this address is taken, whatever it is.
"""

import logging
import math
import time
from collections.abc import Callable

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

_KEY = "mlrisk:address-ban"
_TIMEOUT_SECONDS = 0.25
_ASK_AGAIN_SECONDS = 1.0
"""How long Redis is left alone after a failure: a hanging one must not slow every call."""


class AddressBan:
    """Known to this process, and through Redis, where there is one, to every other."""

    def __init__(
        self, redis_url: str | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._until = -math.inf
        self._ask_at = -math.inf
        self._client: Redis | None = None
        if redis_url is not None:
            self._client = Redis.from_url(
                redis_url,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )

    def begin(self, seconds: float) -> None:
        """Nothing may be sent from this address for so long."""
        log.critical(
            "the exchange bans this address: no call of any process for %.0f s", seconds,
            extra={"event": "address_ban", "seconds": seconds},
        )  # fmt: skip
        self._until = max(self._until, self._monotonic() + seconds)
        if self._client is None:
            return
        try:
            self._client.set(_KEY, "1", px=round(seconds * 1000))
        except RedisError as error:
            log.warning("other processes can't be told of the ban: %s", error)

    def seconds_left(self) -> float:
        """0.0 when calls may be made."""
        now = self._monotonic()
        if self._until <= now and self._client is not None and self._ask_at <= now:
            self._until = now + self._shared_seconds(self._client)
        return max(0.0, self._until - now)

    def _shared_seconds(self, client: "Redis") -> float:
        try:
            return max(0.0, int(client.pttl(_KEY)) / 1000)  # below 0: there is none
        except RedisError as error:
            log.warning("can't ask for a ban of this address: %s", error)
            self._ask_at = self._monotonic() + _ASK_AGAIN_SECONDS
            return 0.0
