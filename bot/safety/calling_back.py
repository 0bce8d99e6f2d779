"""Cancels at the exchange in a halt: our own orders, or all orders if asked.

It goes as fast as the exchange allows. After a refusal for speed other processes are told, and the
same order is tried again as soon as the exchange takes it, so that no order is left because the
rate was used up.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from bot.errors import Banned, MlriskError, Throttled
from bot.exchange.protocol import Exchange, ExchangeOrder
from bot.execution.orders.identity import PREFIX

FAILURES_IN_A_ROW = 3
"""After this many failed cancels in a row the exchange is taken as the cause."""
WAIT_SECONDS = 30.0
"""The total time for waits after refusals for speed: some hundred orders at ten a second."""
_SHORTEST_WAIT_SECONDS = 0.05
EFFECT_SECONDS = 2.0
"""The exchange confirms a cancel before it takes effect: the list is read again for this time."""
_EFFECT_PAUSE_SECONDS = 0.1
_EFFECT_LOOKS = round(EFFECT_SECONDS / _EFFECT_PAUSE_SECONDS)
_PAGES = 10
"""A cancel of everything takes at most 500 orders a call."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CalledBack:
    """The number of cancelled orders, and the orders that could not be cancelled."""

    cancelled: int
    left: tuple[ExchangeOrder, ...]
    is_known: bool = True
    """False when the exchange could not be asked."""


def _tell_nobody(_: float) -> None:
    """Does nothing: the adapter itself tells every process of refused reads, which have no other
    limiter."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How cancels wait while the exchange refuses them for speed."""

    too_fast: Callable[[float], None] = _tell_nobody
    """Gets the time for which the exchange wants no cancel of anybody, in seconds."""
    sleep: Callable[[float], None] = time.sleep


class _Patience:
    """Repeats calls until the exchange takes them, within one time for all of them."""

    def __init__(
        self, seconds: float, too_fast: Callable[[float], None], sleep: Callable[[float], None]
    ) -> None:
        self._left = seconds
        self._too_fast = too_fast
        self._sleep = sleep

    def make(self, call: Callable[[], T]) -> T:
        """Raises the call's errors; Throttled only when the exchange asks for a longer wait."""
        while True:
            try:
                return call()
            except Throttled as error:
                if not isinstance(error, Banned):
                    self._too_fast(error.after_seconds)
                wait = max(error.after_seconds, _SHORTEST_WAIT_SECONDS)
                if wait > self._left:
                    raise
                self._left -= wait
            self._sleep(wait)


def call_back(
    exchange: Exchange,
    *,
    everything: bool,
    exits: bool,
    problem: Callable[[str], None],
    waiting: Waiting = Waiting(),
    within: Callable[[Sequence[ExchangeOrder]], Sequence[ExchangeOrder]] | None = None,
) -> CalledBack:
    """Cancels working orders, never protective stops. Orders of others stay unless `everything`,
    our exits unless `exits`.

    `within` picks the orders of a scope; it can't be combined with `everything`. Raises MlriskError
    when the exchange can't be asked.
    """
    cancels = _Patience(WAIT_SECONDS, waiting.too_fast, waiting.sleep)
    reads = _Patience(WAIT_SECONDS, _tell_nobody, waiting.sleep)

    def wanted() -> Sequence[ExchangeOrder]:
        found = [
            order
            for order in reads.make(exchange.open_orders)
            if everything or (is_ours(order) and (exits or not order.reduce_only))
        ]
        return found if within is None else within(found)

    asked = wanted()
    if everything:
        _cancel_all(exchange, cancels)
        failed: frozenset[str] = frozenset()
    else:
        failed = _cancel_each(exchange, cancels, asked, problem)
    for fact in exchange.take_unreadable():
        problem(f"{fact.kind} {fact.key} of {fact.symbol} can't be read: {fact.why}")
    if not asked:
        return CalledBack(0, ())
    left = tuple(wanted())
    confirmed = {order.order_id for order in asked} - failed
    until = time.monotonic() + EFFECT_SECONDS
    for _ in range(_EFFECT_LOOKS):
        # An exchange that answers slowly must not hold a halt up: the time counts, too.
        if confirmed.isdisjoint(order.order_id for order in left) or time.monotonic() >= until:
            break
        waiting.sleep(_EFFECT_PAUSE_SECONDS)
        left = tuple(wanted())
    still = {order.order_id for order in left}
    return CalledBack(sum(order.order_id not in still for order in asked), left)


def is_ours(order: ExchangeOrder) -> bool:
    """Whether the order is a child's, even one that has ended by its row."""
    return order.order_link_id.startswith(PREFIX)


def _cancel_all(exchange: Exchange, patience: _Patience) -> None:
    for _ in range(_PAGES):
        if not patience.make(exchange.cancel_all):
            return


def _cancel_each(
    exchange: Exchange,
    patience: _Patience,
    orders: Sequence[ExchangeOrder],
    problem: Callable[[str], None],
) -> frozenset[str]:
    """Returns the ids of the orders whose cancel failed."""
    lost: set[str] = set()
    failed = 0
    for order in orders:
        try:
            patience.make(partial(exchange.cancel, order.symbol, order.order_link_id))
        except MlriskError as error:
            problem(f"{order.order_link_id} could not be cancelled: {error.message}")
            lost.add(order.order_id)
            failed += 1
            if failed == FAILURES_IN_A_ROW:
                raise
        else:
            failed = 0
    return frozenset(lost)
