"""The rate limiter of order writes: one rate per account for all processes, kept in Redis.

Bybit counts creates and cancels apart, each over a rolling second per account. Creates never exceed
the rate in any window, over any number of processes. A part of it is kept for exits, which also
overtake waiting orders. Cancels have a count of their own; only sent cancels are counted.

Without Redis each process sends its share of the rate on its own. The bound holds through the
changes, because an unknown rate counts as used:

- Redis goes away, or can't be reached at a process's start: nothing for one window, for the
  others may have used all of it; then the share.
- Redis comes back: for `CAREFUL_MS` all processes together get the share of one, for the others
  may still send on their own; the orders that this process sent meanwhile are counted in.
- Redis lost its memory (FLUSHALL, a new server) or its clock jumped: nothing for one window.

The bound does not hold for a single process that is cut off from Redis: it adds its share to the
whole. The exchange refuses the excess with 10006, which takes nothing.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from bot.execution.sending import rate_limiter_scripts
from bot.execution.sending.order_window import (
    GRACE_MS,
    WINDOW_MS,
    AllowedRate,
    Caps,
    OrderWindow,
    own_caps,
    shared_caps,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

PROCESSES = 5
"""The number of sending processes: four execution workers and the emergency worker."""
TIMEOUT_SECONDS = 0.25
"""The time-out of a call to Redis. A script takes a tenth of a millisecond."""
RETRY_SECONDS = 0.5
"""How long Redis counts as away after a failure, so that a hanging Redis costs callers little."""
CAREFUL_MS = round((2 * TIMEOUT_SECONDS + RETRY_SECONDS) * 1000) + WINDOW_MS
"""The time until every process has noticed that Redis is back and its earlier sends have left the
window. A call may hang twice when it has to connect anew."""
_SHORTEST_THROTTLE_MS, _LONGEST_THROTTLE_MS = 100, 5_000
"""The latest reset of a rate limit that is believed; a real one is within a second."""
_SURE_WAIT_SECONDS = 2.0
"""The longest wait that is returned unchanged; it is longer than the window after a loss."""
_DRIFT = 0.001
"""Twice the rate at which a slewed clock may gain (500 ppm)."""
_STEP_MS = 20
"""The largest difference of clocks that is no jump, for instance by rounding; less than the
window's margin."""


class RateRules(Protocol):
    """The limiter's two numbers, read anew for each order."""

    @property
    def orders_per_second(self) -> int:
        """The exchange's limit for one account, per second. It holds for creates and cancels
        each."""

    @property
    def exit_reserve(self) -> int:
        """The part of the creates that is kept for exits, per second."""


class OrderRateLimiter(Protocol):
    """Tells when an account's next order write may leave. No method raises."""

    def take(self, account: str, *, order: str, is_exit: bool) -> float:
        """The seconds to this order's place, to ask again then; 0.0 when it may go now and is
        counted.

        `order` is the order's own id, by which it finds its place when it comes back.
        """

    def take_cancel(self, account: str) -> float:
        """The seconds after which to ask again; 0.0 when it may go now and is counted. A waiting
        caller takes nothing from the others."""

    def throttled(self, account: str, seconds: float, *, cancels: bool = False) -> None:
        """Blocks creates, or cancels, until the reset, after the exchange answered with 10006."""


def connect(url: str) -> "Redis":
    """A client that gives up soon and retries nothing; the rate limiter handles failures."""
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


@dataclass(frozen=True, slots=True)
class _Contact:
    """The time of Redis in a call, and this process's own before and after it, in ms."""

    redis: int
    before: int
    after: int

    def fits(self, later: "_Contact") -> bool:
        """Whether both clocks advanced equally between the two calls, as far as can be told."""
        slack = _STEP_MS + _DRIFT * (later.after - self.before)
        least, most = later.before - self.after, later.after - self.before
        return least - slack <= later.redis - self.redis <= most + slack


class RedisOrderRateLimiter:
    """The rate limiter in Redis. One instance per process, for one thread, made after the fork."""

    def __init__(
        self,
        client: "Redis",
        rules: Callable[[], RateRules],
        *,
        processes: int = PROCESSES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if processes < 1:
            raise ValueError("processes must be at least 1")
        self._rules = rules
        self._processes = processes
        self._monotonic = monotonic
        self._take_script = client.register_script(rate_limiter_scripts.TAKE)
        self._pace_script = client.register_script(rate_limiter_scripts.PACE)
        self._throttle_script = client.register_script(rate_limiter_scripts.THROTTLE)
        self._client = client
        self._contact: _Contact | None = None
        self._failed_at: int | None = None
        """The time of the first failure since the last success."""
        self._alone_since: int | None = None
        self._retry_at: int | None = None
        self._windows: dict[str, OrderWindow] = {}
        """The window of this process alone while Redis is away."""
        self._paces: dict[str, AllowedRate] = {}
        self._throttled_until: dict[str, int] = {}

    def prepare(self, account: str) -> None:
        """Lets a new Redis count its first, unknown window before there is an order to send."""
        self._ask(partial(self._take_shared, account, "", is_exit=False))

    def take(self, account: str, *, order: str, is_exit: bool) -> float:
        """See `OrderRateLimiter`. Without Redis at most this process's share."""
        wait = self._ask(partial(self._take_shared, account, order, is_exit=is_exit))
        return self._take_alone(account, order, is_exit=is_exit) if wait is None else wait / 1000

    def take_cancel(self, account: str) -> float:
        """See `OrderRateLimiter`. An unknown rate delays no cancel."""
        wait = self._ask(partial(self._pace_shared, account))
        if wait is None:
            pace = self._paces.setdefault(account, AllowedRate())
            wait = pace.take(self._now(), self._own_caps().every)
        return wait / 1000

    def throttled(self, account: str, seconds: float, *, cancels: bool = False) -> None:
        """See `OrderRateLimiter`. Other processes learn of it through Redis only."""
        lasting = min(max(round(seconds * 1000), _SHORTEST_THROTTLE_MS), _LONGEST_THROTTLE_MS)
        until = self._now() + lasting
        # Kept here too, for when Redis goes away.
        if cancels:
            self._paces.setdefault(account, AllowedRate()).close_until(until)
        else:
            self._throttled_until[account] = max(until, self._throttled_until.get(account, 0))
            if account in self._windows:
                self._windows[account].close_until(until)
        state = _key(account, "cancel-state" if cancels else "state")
        self._ask(lambda: self._throttle_script([state], [lasting, _LONGEST_THROTTLE_MS]))

    def _take_shared(self, account: str, order: str, *, is_exit: bool) -> int:
        """Milliseconds to wait, by Redis. Raises RedisError."""
        wait, contact = self._run_take(account, order, is_exit=is_exit)
        if self._contact is not None and not self._contact.fits(contact):
            log.warning("Redis' clock jumped", extra={"event": "order_budget.clock_jumped"})
            # Run again, because the first grant was based on the wrong time.
            wait, contact = self._run_take(account, order, is_exit=is_exit, trusted=self._contact)
        self._contact = contact
        # Orders that were sent alone are counted in Redis now.
        self._windows.pop(account, None)
        self._failed_at = None
        if self._alone_since is not None:
            self._alone_since = None
            log.info(
                "the processes share the rate limiter again", extra={"event": "order_budget.shared"}
            )
        return wait

    def _run_take(
        self, account: str, order: str, *, is_exit: bool, trusted: _Contact | None = None
    ) -> tuple[int, _Contact]:
        """One run of the script; `trusted` is the last contact before the clock jumped."""
        rules = self._rules()
        caps = shared_caps(rules.orders_per_second, rules.exit_reserve)
        now = self._now()
        window = self._windows.get(account)
        wait, redis_now = self._take_script(
            keys=[_key(account, name) for name in ("state", "sent", "exits", "ordinary")],
            args=[
                order,
                int(is_exit),
                caps.of(is_exit=is_exit),
                self._own_caps().of(is_exit=is_exit),
                WINDOW_MS,
                GRACE_MS,
                CAREFUL_MS,
                -1 if self._failed_at is None else now - self._failed_at,
                0 if window is None else window.sent_within(now),
                -1 if trusted is None else now - trusted.before,
                _LONGEST_THROTTLE_MS,
            ],
        )
        return int(wait), _Contact(int(redis_now), now, self._now())

    def _pace_shared(self, account: str) -> int:
        """Milliseconds to wait, by Redis. Raises RedisError."""
        cap = shared_caps(self._rules().orders_per_second, 0).every
        keys = [_key(account, name) for name in ("cancel-state", "cancels")]
        wait, _ = self._pace_script(keys, [cap, WINDOW_MS, _LONGEST_THROTTLE_MS])
        return int(wait)

    def _take_alone(self, account: str, order: str, *, is_exit: bool) -> float:
        """Seconds to wait, by the sends of this process alone."""
        now = self._now()
        window = self._windows.get(account)
        if window is None:
            since = now if self._alone_since is None else self._alone_since
            window = OrderWindow(closed_until=since + WINDOW_MS)
            window.close_until(self._throttled_until.get(account, 0))
            self._windows[account] = window
        wait = window.take(now, order, self._own_caps(), is_exit=is_exit) / 1000
        # Redis may be back by then, and with it the whole rate if the others are idle.
        sooner = _SURE_WAIT_SECONDS + (wait - _SURE_WAIT_SECONDS) / self._processes
        return min(wait, sooner)

    def _own_caps(self) -> Caps:
        rules = self._rules()
        return own_caps(rules.orders_per_second, rules.exit_reserve, self._processes)

    def _ask(self, call: Callable[[], T]) -> T | None:
        """Redis' answer; None when it can't be asked and this process is alone."""
        if self._retry_at is not None and self._now() < self._retry_at:
            return None
        try:
            try:
                return call()
            except RedisConnectionError:
                # A restart breaks connections that were idle; the next call opens a new one.
                self._note_failure()
                return call()
        except RedisError as error:
            self._lost(error)
            return None

    def _note_failure(self) -> None:
        if self._failed_at is None:
            self._failed_at = self._now()

    def _lost(self, error: RedisError) -> None:
        """Notes that Redis can't be asked; this process works alone and pauses before it asks
        again."""
        self._note_failure()
        now = self._now()
        self._retry_at = now + round(RETRY_SECONDS * 1000)
        if self._alone_since is not None:
            return
        self._alone_since = now
        for window in self._windows.values():
            window.close_until(now + WINDOW_MS)
        log.warning(
            "the rate limiter can't reach Redis; this process uses its own share of the rate: %s",
            error,
            extra={"event": "order_budget.alone", "orders_per_second": self._own_caps().every},
        )

    def _now(self) -> int:
        return int(self._monotonic() * 1000)


def _key(account: str, name: str) -> str:
    # The braces keep an account's keys in one slot, as a script needs in a cluster.
    return f"mlrisk:orders:{{{account}}}:{name}"
