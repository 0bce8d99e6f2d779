"""Closures: the exchange closes one endpoint by its rate limit, or all by a ban of our address.

A process that is told of a closure tells the others through Redis. Each process keeps it in memory
too, because Redis may lose it. No process calls a closed endpoint, because every further call
prolongs a ban. The exchange counts endpoints one by one, and so do closures: too many reads or
entries delay no cancel. Under a ban exits stop as well, because the exchange takes nothing from
this address.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

_BAN = "mlrisk:address-ban"
_TIMEOUT_SECONDS = 0.25
_ASK_AGAIN_SECONDS = 1.0
"""The pause after a failure of Redis, so that a hanging Redis doesn't slow every call."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The length of a closure, and whether it is a ban, which closes every endpoint."""

    seconds: float
    banned: bool


class Closures:
    """Closures that this process and, through Redis, every other process knows."""

    def __init__(
        self, redis_url: str | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._until: dict[str, float] = {}
        self._ask_at = -math.inf
        self._client: Redis | None = None
        if redis_url is not None:
            self._client = Redis.from_url(
                redis_url,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )

    def ban(self, seconds: float) -> None:
        """Closes every endpoint for the given time."""
        log.critical(
            "the exchange bans this address: no process calls it for %.0f s",
            seconds,
            extra={"event": "address_ban", "seconds": seconds},
        )
        self._close(_BAN, seconds)

    def close(self, endpoint: str, seconds: float) -> None:
        """Closes one endpoint for the given time."""
        log.warning(
            "the exchange says that calls of %s come too fast: no process makes one for %.1f s",
            endpoint,
            seconds,
            extra={"event": "endpoint_closed", "endpoint": endpoint, "seconds": seconds},
        )
        self._close(_key(endpoint), seconds)

    def of(self, endpoint: str) -> Closed | None:
        """The closure of an endpoint; None when it may be called."""
        keys = (_BAN, _key(endpoint))
        now = self._monotonic()
        if all(self._left(key, now) <= 0 for key in keys):
            self._hear(keys, now)
        ban, alone = (self._left(key, now) for key in keys)
        return Closed(max(ban, alone), ban > 0) if max(ban, alone) > 0 else None

    def _left(self, key: str, now: float) -> float:
        return self._until.get(key, now) - now

    def _close(self, key: str, seconds: float) -> None:
        until = self._monotonic() + seconds
        self._until[key] = max(until, self._until.get(key, until))
        if self._client is None:
            return
        try:
            self._client.set(key, "1", px=max(1, round(seconds * 1000)))
        except RedisError as error:
            log.warning(
                "a closed endpoint can't be told to the other processes: %s",
                error,
                extra={"event": "other_processes_cant_be_told_of_what_the_exchange_closed"},
            )

    def _hear(self, keys: tuple[str, ...], now: float) -> None:
        """Reads the closures of other processes."""
        if self._client is None or self._ask_at > now:
            return
        try:
            with self._client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.pttl(key)
                found = pipe.execute()
        except RedisError as error:
            log.warning(
                "the closed endpoints can't be read from Redis: %s",
                error,
                extra={"event": "cant_ask_what_the_exchange_has_closed"},
            )
            self._ask_at = now + _ASK_AGAIN_SECONDS
            return
        for key, milliseconds in zip(keys, found, strict=True):
            self._until[key] = now + max(0, int(milliseconds)) / 1000  # below 0: it is open


def _key(endpoint: str) -> str:
    return f"mlrisk:closed:{endpoint}"
