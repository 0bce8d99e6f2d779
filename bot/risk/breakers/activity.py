"""Whether orders fail too often, and whether a strategy trades in circles."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from models.amounts import ZERO
from models.enums import ChildState, VenueReason

HARMLESS = frozenset(
    {
        VenueReason.REQUESTED,
        VenueReason.WOULD_TAKE,
        VenueReason.NOTHING_TO_REDUCE,
        VenueReason.NO_LIQUIDITY,
        VenueReason.UNSTATED,
    }
)
"""Ends that are no failure of an execution: our own cancels, a post-only order that would have
taken, an exit without a position, and a book with too little in it."""


@dataclass(frozen=True, slots=True)
class SentOrder:
    """How a child order that was sent went on."""

    state: ChildState
    reason: VenueReason | None
    refused: bool
    """Whether the exchange refused the request itself, by its return code."""
    filled: bool


def has_failed(execution: SentOrder) -> bool | None:
    """Whether the execution failed by our fault or the venue's; None while it says nothing yet.

    An order that was lost or has no known outcome failed. A cancel that nobody of ours asked for is
    the venue's, so it failed when its reason says so.
    """
    if execution.filled or execution.state is ChildState.FILLED:
        return False
    if execution.state in (ChildState.LOST, ChildState.UNKNOWN):
        return True
    if not execution.state.is_final:
        return None
    if execution.reason is not None and execution.reason in HARMLESS:
        return execution.refused and execution.reason is VenueReason.UNSTATED
    return execution.refused or execution.reason is not None


def failures(executions: Iterable[SentOrder]) -> tuple[int, int]:
    """How many executions failed, and how many are known."""
    known = [failed for each in executions if (failed := has_failed(each)) is not None]
    return sum(known), len(known)


@dataclass(frozen=True, slots=True)
class Turnover:
    """What one strategy filled in one symbol within the window, in quote currency."""

    bought: Decimal = ZERO
    sold: Decimal = ZERO

    @property
    def gross(self) -> Decimal:
        """All that was traded."""
        return self.bought + self.sold

    @property
    def net(self) -> Decimal:
        """The change of the position that all of it made."""
        return abs(self.bought - self.sold)


def is_churn(turnover: Turnover, equity: Decimal, *, least: Decimal, ratio: Decimal) -> bool:
    """Whether so much was traded for so little: a loop of entry, reduction and entry.

    `least` is the turnover in multiples of equity from which it is judged; each limit itself trips.
    A position that was built or closed in one direction is no churn, however large.
    """
    if not equity > ZERO or turnover.gross < least * equity:
        return False
    return turnover.gross >= ratio * turnover.net
