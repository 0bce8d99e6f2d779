"""The documents of orders: throttle, progress of the fallback policy, volume mark and arrival."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from models.amounts import EXACT, middle
from models.enums import Algorithm, TradeSide


class ThrottleKind(StrEnum):
    """The effect of the throttle on a parent; stored, so never renamed."""

    NORMAL = "normal"
    SLOW = "slow"
    SHRINK = "shrink"
    PAUSE = "pause"
    HURRY = "hurry"


@dataclass(frozen=True, slots=True)
class Throttle:
    """The throttle state of a parent from `since` on; speed and size multiply the plan.

    `cause` is the strongest reason with its measured value and limit as text; `holds` names every
    reason in force, and is the memory that hysteresis needs.
    """

    kind: ThrottleKind
    speed: Decimal
    """Speed as a multiple of the plan; 0 places nothing."""
    size: Decimal
    cause: str
    value: str | None
    limit: str | None
    since: datetime
    holds: tuple[str, ...] = ()

    @property
    def rate(self) -> Decimal:
        """Quantity per time as a multiple of the plan."""
        return self.speed * self.size

    @property
    def sentence(self) -> str:
        """The state and its strongest reason with measured value and threshold, for people."""
        measured = "" if self.value is None else f" {self.value}"
        threshold = "" if self.limit is None else f" (from {self.limit})"
        return f"{self.kind}: {self.cause}{measured}{threshold}"


@dataclass(frozen=True, slots=True)
class FallbackProgress:
    """How far a parent has come in its fallback policy. None is what was never set."""

    positions: Mapping[str, int] | None = None
    """The steps taken so far, by name of the failure class."""
    algorithm: Algorithm | None = None
    """The algorithm that a step put in the place of the parent's own."""
    size: Decimal | None = None
    """The factor on a stepped parent's next child."""
    bound_bps: Decimal | None = None
    """The slippage bound of a stepped parent's next child."""
    not_before: datetime | None = None
    """Until when a stepped parent waits."""


@dataclass(frozen=True, slots=True)
class VolumeMark:
    """The market's volume since a parent's start, as last counted, in the base coin."""

    since: datetime
    """The start of the feed's counter, which begins anew with the feed."""
    counter: Decimal
    """The feed's counter at the last look."""
    counted: Decimal
    """The volume since the parent's start."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The best prices that a child met when it went out, and the exchange's time of them."""

    bid: Decimal
    ask: Decimal
    as_of: datetime

    @property
    def mid(self) -> Decimal:
        """The middle of bid and offer, in quote currency."""
        return middle(self.bid, self.ask)

    @property
    def half_spread(self) -> Decimal:
        """The distance from the middle to the offer, in quote currency."""
        return EXACT.subtract(self.ask, self.mid)

    def touch(self, side: TradeSide) -> Decimal:
        """The price at which an order of this side trades at once."""
        return self.ask if side is TradeSide.BUY else self.bid
