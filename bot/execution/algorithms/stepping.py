"""The types of event-driven algorithms: live children, the market at the touch, and the next
actions.

A step is a function of (parameters, progress, market) only. All of its memory is in the rows that
`Progress` is read from, so a crash between two steps loses nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules
from models.enums import Style, TradeSide

POLL = timedelta(seconds=1)
"""How long a step waits for news (a fill, a confirmed cancel) that would wake it earlier."""


CLOSE_AGAIN = timedelta(seconds=1)
"""The time between two attempts to close the last of a position."""


class DoneReason(StrEnum):
    """Why an event-driven algorithm has no more to do."""

    FILLED = "filled"
    DEADLINE = "deadline"
    UNDER_MINIMUM = "under_minimum"
    """The remainder is under the venue's minimum."""


@dataclass(frozen=True, slots=True)
class LiveChild:
    """A child order from its row; `final` when it can fill no more."""

    slot: int
    qty: Decimal
    filled: Decimal
    price: Decimal | None
    style: Style
    placed_at: datetime
    final: bool
    cancel_requested: bool

    @property
    def open_qty(self) -> Decimal:
        """The quantity that may still fill; the rest of a final child belongs to the parent
        again."""
        return Decimal(0) if self.final else self.qty - self.filled


@dataclass(frozen=True, slots=True)
class Progress:
    """A parent order so far; `filled` comes from fills only, times are UTC."""

    total: Decimal
    filled: Decimal
    children: tuple[LiveChild, ...]
    start_at: datetime
    deadline_at: datetime
    now: datetime

    @property
    def live(self) -> tuple[LiveChild, ...]:
        """The children that may still fill."""
        return tuple(child for child in self.children if not child.final)

    @property
    def open_qty(self) -> Decimal:
        """The quantity that live children may still fill, in base units."""
        return sum((child.open_qty for child in self.children), Decimal(0))

    @property
    def remaining(self) -> Decimal:
        """The quantity that no child holds and a step may still place."""
        return self.total - self.filled - self.open_qty

    @property
    def committed(self) -> Decimal:
        """The quantity that is filled or may still be filled, in base units."""
        return self.filled + self.open_qty

    @property
    def last(self) -> LiveChild | None:
        """The youngest child, final or not."""
        return max(self.children, key=lambda child: child.slot, default=None)

    @property
    def next_slot(self) -> int:
        """The number of the next slice; the first is 0."""
        return 0 if self.last is None else self.last.slot + 1

    @property
    def elapsed_share(self) -> Decimal:
        """The elapsed share of the time between start and deadline, from 0 to 1."""
        horizon = self.deadline_at - self.start_at
        if horizon <= timedelta(0):
            return Decimal(1)
        passed = min(max(self.now - self.start_at, timedelta(0)), horizon)
        microsecond = timedelta(microseconds=1)
        return Decimal(passed // microsecond) / Decimal(horizon // microsecond)


@dataclass(frozen=True, slots=True)
class Touch:
    """Best prices with their sizes, and the market's volume since the parent's start."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    traded_volume_since_start: Decimal

    @property
    def usable(self) -> bool:
        """Whether both sides exist and don't cross; else no child is priced by them."""
        return 0 < self.bid < self.ask

    def near(self, side: TradeSide) -> Decimal:
        """The price at which our side queues."""
        return self.bid if side is TradeSide.BUY else self.ask

    def far(self, side: TradeSide) -> Decimal:
        """The price at which our side trades at once."""
        return self.ask if side is TradeSide.BUY else self.bid


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of every child of a parent; `price_limit` is the worst price, on the tick."""

    side: TradeSide
    price_limit: Decimal
    tick_size: Decimal
    reduce_only: bool = False
    worth_at: Decimal | None = None
    """The price at which the venue may count a child's notional. A purchase's bound lies at the
    touch, which may be far under the limit. None is the price limit."""

    def __post_init__(self) -> None:
        require_positive("price_limit", self.price_limit)
        require_positive("tick_size", self.tick_size)

    def within_limit(self, price: Decimal) -> bool:
        """Whether the price is the parent's worst allowed price or better."""
        return self.worse(self.price_limit, price) == self.price_limit

    def worse(self, one: Decimal, other: Decimal) -> Decimal:
        """The worse of two prices for the parent's side."""
        return max(one, other) if self.side is TradeSide.BUY else min(one, other)

    def better(self, one: Decimal, other: Decimal) -> Decimal:
        """The better of two prices for the parent's side: the lower to buy, the higher to sell."""
        return min(one, other) if self.side is TradeSide.BUY else max(one, other)

    def crosses(self, price: Decimal, touch: Touch) -> bool:
        """Whether a child at this price meets the opposite side."""
        return self.worse(price, touch.far(self.side)) == price

    def min_lots(self, rules: LotRules, price: Decimal) -> int:
        """The smallest child at this price that could be sent at the price limit too, so that
        another style can always send the rest."""
        lower = min(price, self.worth_at or self.price_limit, self.price_limit)
        return rules.min_child_lots(lower, reduce_only=self.reduce_only)


@dataclass(frozen=True, slots=True)
class Place:
    """A new child in the parent's next slot."""

    qty: Decimal
    style: Style
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class CancelLive:
    """Ask the venue to cancel this child; nothing replaces it before it is final."""

    slot: int


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Step again at this time, or earlier when a child changes."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is live and nothing more will be placed; the remainder is released."""

    reason: DoneReason


Action = Place | CancelLive | WaitUntil | Done


class Stepper(Protocol):
    """Pure: the same arguments always give the same actions."""

    def step(self, progress: Progress, touch: Touch, rules: LotRules) -> tuple[Action, ...]:
        """The actions to take now: children to send, children to cancel, and when to look again."""


def outside_of_work(progress: Progress, terms: Terms, rules: LotRules) -> tuple[Action, ...] | None:
    """The actions before the start, after the deadline and at the end; None while there is work."""
    if progress.now < progress.start_at:
        return (WaitUntil(progress.start_at),)
    if progress.now >= progress.deadline_at or progress.filled >= progress.total:
        return _wind_down(progress)
    minimum = terms.min_lots(rules, terms.price_limit)
    if not progress.live and progress.remaining < minimum * rules.qty_step:
        return _last_of(progress, terms)
    return None


def _last_of(progress: Progress, terms: Terms) -> tuple[Action, ...]:
    """Handles a remainder that is too small to be sent. An exit's may close the position as a
    whole; the claim decides that."""
    if not terms.reduce_only or progress.remaining <= 0:
        return (Done(DoneReason.UNDER_MINIMUM),)
    last = progress.last
    if last is not None and last.placed_at + CLOSE_AGAIN > progress.now:
        return (wait(progress, last.placed_at + CLOSE_AGAIN),)
    return (Place(progress.remaining, Style.IOC, terms.price_limit), wait(progress))


def _wind_down(progress: Progress) -> tuple[Action, ...]:
    if not progress.live:
        filled = progress.filled >= progress.total
        return (Done(DoneReason.FILLED if filled else DoneReason.DEADLINE),)
    return (*cancel(progress.live), WaitUntil(progress.now + POLL))


def cancel(children: tuple[LiveChild, ...]) -> tuple[CancelLive, ...]:
    """One request for each that has none yet."""
    return tuple(CancelLive(child.slot) for child in children if not child.cancel_requested)


def wait(progress: Progress, at: datetime | None = None) -> WaitUntil:
    """The next look: at `at` or after a poll's length, never later than the deadline."""
    wanted = progress.now + POLL if at is None else at
    return WaitUntil(min(max(wanted, progress.now), progress.deadline_at))


class Tail(StrEnum):
    """The choice when a child would leave a rest that is too small to be sent alone."""

    TAKE = "take"
    """Take the rest along: the child is larger than wanted, by less than one minimum."""
    WAIT = "wait"
    """Place nothing until more is wanted."""
    LEAVE = "leave"
    """Place the wanted size; the rest is released in the end."""


def child_lots(
    wanted: Decimal, progress: Progress, rules: LotRules, min_lots: int, tail: Tail
) -> int:
    """Lots of the next child: `wanted` inside the remainder and the venue's bounds; 0 for none.

    The child leaves nothing or a sendable rest. A smaller child is preferred; otherwise `tail`
    decides.
    """
    rest = int(progress.remaining // rules.qty_step)
    most = rules.max_child_lots()
    size = min(int(wanted // rules.qty_step), rest, most)
    left = rest - size
    if size < min_lots:
        return 0
    if left == 0 or left >= min_lots:
        return size
    shorter = size - (min_lots - left)
    if shorter >= min_lots:
        return shorter
    if tail is Tail.TAKE and rest <= most:
        return rest
    return 0 if tail is Tail.WAIT and rest <= most else size


def require_positive(name: str, value: Decimal) -> None:
    """Raises Infeasible, with the name, unless the value is a positive finite number."""
    if not value.is_finite() or value <= 0:
        raise Infeasible(f"{name} must be positive and finite, not {value}")


def require_share(name: str, value: Decimal, *, above_zero: bool = False) -> None:
    """Raises Infeasible, with the name, unless the value is a share from 0 to 1."""
    if not value.is_finite() or not 0 <= value <= 1 or (above_zero and value == 0):
        raise Infeasible(f"{name} must be a share from 0 to 1, not {value}")


def require_seconds(name: str, value: float, *, above_zero: bool = False) -> None:
    """Raises Infeasible, with the name, unless the value is a finite number of seconds, 0 or
    more."""
    if not 0 <= value < float("inf") or (above_zero and value == 0):
        raise Infeasible(f"{name} must be a finite number of seconds of at least 0, not {value}")
