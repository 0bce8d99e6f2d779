"""Cancels at the exchange in a halt: our own orders, or all orders if asked.

It goes as fast as the exchange allows: a symbol in which nothing else rests is cancelled by one
call, so that hundreds of orders go within seconds. After a refusal for speed other processes are
told, and the same order is tried again as soon as the exchange takes it, so that no order is left
because the rate was used up. Orders that are left are cancelled again.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from bot.errors import Banned, MlriskError, OutcomeUnknown, Throttled
from bot.exchange.protocol import CancelOutcome, Exchange, ExchangeOrder
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
    gone: int = 0
    """Orders that had ended before their cancel came, by a fill or by somebody else's cancel."""


@dataclass(slots=True)
class _Answers:
    """What the exchange answered to the cancels of all rounds, by order id."""

    taken: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def note(self, order_id: str, outcome: CancelOutcome) -> None:
        """A second cancel of an order that was cancelled finds it gone, which says nothing new."""
        if outcome is CancelOutcome.TAKEN:
            self.taken.add(order_id)
        elif order_id not in self.taken:
            self.gone.add(order_id)


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
    answers = _Answers()
    try:
        for _ in range(_ROUNDS):
            asked, told = seen.wanted, []
            if everything:
                _note_all(answers, asked, _cancel_all(exchange, cancels))
                failed: frozenset[str] = frozenset()
            else:
                ours = _Round(exchange, cancels, answers, told.append)
                failed = ours.cancel(seen, whole=within is None)
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
    ended = {order.order_id for order in first} - {order.order_id for order in left}
    gone = len(ended & (answers.gone - answers.taken))
    return CalledBack(len(ended) - gone, left, gone=gone)


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


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of cancels of our own orders."""

    exchange: Exchange
    patience: _Patience
    answers: _Answers
    problem: Callable[[str], None]

    def cancel(self, seen: _Look, *, whole: bool) -> frozenset[str]:
        """Returns the ids of the orders whose cancel failed."""
        # A scope's cancel of a symbol could look like somebody else's to the other scopes.
        alone = _alone(seen.wanted, seen.resting) if whole else frozenset()
        failed = self._symbols(seen.wanted, alone)
        single = [order for order in seen.wanted if order.symbol not in alone]
        return failed | self._each(single)

    def _symbols(self, asked: Sequence[ExchangeOrder], symbols: frozenset[str]) -> frozenset[str]:
        """Cancels all orders of some symbols."""
        failed: set[str] = set()
        for symbol in sorted(symbols):
            own = [order for order in asked if order.symbol == symbol]
            try:
                _note_all(self.answers, own, _cancel_all(self.exchange, self.patience, symbol))
            except MlriskError as error:
                self.problem(f"the orders in {symbol} could not be cancelled: {error.message}")
                failed.update(order.order_id for order in own)
        return frozenset(failed)

    def _each(self, orders: Sequence[ExchangeOrder]) -> frozenset[str]:
        lost: set[str] = set()
        failed = 0
        for order in orders:
            cancel = partial(self.exchange.cancel, order.symbol, order.order_link_id)
            try:
                self.answers.note(order.order_id, self.patience.make(cancel))
            except MlriskError as error:
                self.problem(f"{order.order_link_id} could not be cancelled: {error.message}")
                if isinstance(error, OutcomeUnknown):
                    # It may have taken effect, so that a later answer that it is gone says nothing.
                    self.answers.note(order.order_id, CancelOutcome.TAKEN)
                lost.add(order.order_id)
                failed += 1
                if failed == FAILURES_IN_A_ROW:
                    raise
            else:
                failed = 0
        return frozenset(lost)


def _cancel_all(
    exchange: Exchange, patience: _Patience, symbol: str | None = None
) -> frozenset[str] | None:
    """The order_link_ids of all orders that were cancelled; None when there may be more of them."""
    cancelled: set[str] = set()
    for _ in range(_PAGES):
        page = patience.make(partial(exchange.cancel_all, symbol))
        if not page:
            return frozenset(cancelled)
        cancelled.update(page)
    return None


def _note_all(
    answers: _Answers, asked: Sequence[ExchangeOrder], cancelled: frozenset[str] | None
) -> None:
    """An order that a whole cancel does not name had ended. One without an id of its sender is
    never named."""
    for order in asked:
        is_gone = cancelled is not None and order.order_link_id not in cancelled
        outcome = CancelOutcome.GONE if is_gone and order.order_link_id else CancelOutcome.TAKEN
        answers.note(order.order_id, outcome)
