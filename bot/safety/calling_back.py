"""Cancels at the exchange in a halt: our own orders, or all orders if asked.

It goes as fast as the exchange allows: a symbol in which nothing else rests is cancelled by one
call, so that hundreds of orders go within seconds. After a refusal for speed other processes are
told, and the same order is tried again as soon as the exchange takes it, so that no order is left
because the rate was used up. Orders that are left are cancelled again.
"""

import time
from collections import Counter
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
_FEW = 5
"""So many orders of a symbol go one by one, which touches no order that comes in between."""

_ROUNDS = 3
"""How often orders that are left are cancelled again; a cancel may be repeated without harm."""

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


@dataclass(frozen=True, slots=True)
class _Look:
    """What the exchange reports as open, and what of it is to be cancelled."""

    resting: Sequence[ExchangeOrder]
    wanted: tuple[ExchangeOrder, ...]


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

    def wanted(resting: Sequence[ExchangeOrder]) -> Sequence[ExchangeOrder]:
        found = [
            order
            for order in resting
            if everything or (is_ours(order) and (exits or not order.reduce_only))
        ]
        return found if within is None else within(found)

    def look() -> _Look:
        resting = reads.make(exchange.open_orders)
        return _Look(resting, tuple(wanted(resting)))

    seen = look()
    first, left = seen.wanted, tuple[ExchangeOrder, ...]()
    told: list[str] = []
    try:
        for _ in range(_ROUNDS):
            asked, told = seen.wanted, []
            if everything:
                _cancel_all(exchange, cancels)
                failed: frozenset[str] = frozenset()
            else:
                failed = _cancel_ours(exchange, cancels, seen, told.append, whole=within is None)
            if not asked:
                break
            seen = _after_effect(look, {order.order_id for order in asked} - failed, waiting)
            left = seen.wanted
            if not left:
                break
    finally:
        for line in told:
            problem(line)
    for fact in exchange.take_unreadable():
        problem(f"{fact.kind} {fact.key} of {fact.symbol} can't be read: {fact.why}")
    still = {order.order_id for order in left}
    return CalledBack(sum(order.order_id not in still for order in first), left)


def _after_effect(look: Callable[[], _Look], confirmed: set[str], waiting: Waiting) -> _Look:
    """What is left once confirmed cancels have had the time to take effect."""
    seen = look()
    until = time.monotonic() + EFFECT_SECONDS
    for _ in range(_EFFECT_LOOKS):
        # An exchange that answers slowly must not hold a halt up: the time counts, too.
        gone = confirmed.isdisjoint(order.order_id for order in seen.wanted)
        if gone or time.monotonic() >= until:
            break
        waiting.sleep(_EFFECT_PAUSE_SECONDS)
        seen = look()
    return seen


def is_ours(order: ExchangeOrder) -> bool:
    """Whether the order is a child's, even one that has ended by its row."""
    return order.order_link_id.startswith(PREFIX)


def _alone(asked: Sequence[ExchangeOrder], resting: Sequence[ExchangeOrder]) -> frozenset[str]:
    """Symbols with many orders to cancel, in which nothing rests that is to stay."""
    many = Counter(order.symbol for order in asked)
    ids = {order.order_id for order in asked}
    stays = {order.symbol for order in resting if order.order_id not in ids}
    return frozenset(symbol for symbol, count in many.items() if count > _FEW) - stays


def _cancel_ours(
    exchange: Exchange,
    patience: _Patience,
    seen: _Look,
    problem: Callable[[str], None],
    *,
    whole: bool,
) -> frozenset[str]:
    """One round of cancels. Returns the ids of the orders whose cancel failed."""
    # A scope's cancel of a symbol could look like somebody else's to the other scopes.
    alone = _alone(seen.wanted, seen.resting) if whole else frozenset()
    failed = _cancel_symbols(exchange, patience, seen.wanted, alone, problem)
    single = [order for order in seen.wanted if order.symbol not in alone]
    return failed | _cancel_each(exchange, patience, single, problem)


def _cancel_symbols(
    exchange: Exchange,
    patience: _Patience,
    asked: Sequence[ExchangeOrder],
    symbols: frozenset[str],
    problem: Callable[[str], None],
) -> frozenset[str]:
    """Cancels all orders of some symbols. Returns the ids of the orders whose cancel failed."""
    failed: set[str] = set()
    for symbol in sorted(symbols):
        try:
            for _ in range(_PAGES):
                if not patience.make(partial(exchange.cancel_all, symbol)):
                    break
        except MlriskError as error:
            problem(f"the orders in {symbol} could not be cancelled: {error.message}")
            failed.add(symbol)
    return frozenset(order.order_id for order in asked if order.symbol in failed)


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
