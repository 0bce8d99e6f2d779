"""Equity breakers: losses from several anchors, and readings that have to be confirmed first."""

from dataclasses import dataclass, replace
from decimal import Decimal

from bot.risk.breakers.conditions import Trip
from models.amounts import ZERO
from models.enums import CircuitBreakerType


def daily_loss(equity_start: Decimal, equity_now: Decimal, limit: Decimal) -> Trip | None:
    """Realised and unrealised since the day's start; the limit itself trips."""
    if not equity_start > ZERO:
        return Trip(CircuitBreakerType.DATA_QUALITY_ISSUE, "no equity at the day's start")
    lost = equity_start - equity_now
    if lost < equity_start * limit:
        return None
    return Trip(
        CircuitBreakerType.DAILY_LOSS_LIMIT,
        f"lost {lost / equity_start:.4f} of the day's first equity; the limit is {limit:f}",
        value=lost / equity_start,
        limit=limit,
    )


def losing_streak(losses: int, limit: int) -> bool:
    """Whether so many losses in a row stop trading; the limit itself trips.

    Raises ValueError for a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"a streak needs a limit of at least 1, found {limit}")
    return losses >= limit


@dataclass(frozen=True, slots=True)
class DrawdownBreaker:
    """A fall from the peak of the account's equity; it stays tripped until it is released.

    Releasing takes the present equity as the new peak: earlier losses have been judged, and only a
    new loss may trip it again. A winning close releases nothing.
    """

    limit: Decimal
    peak: Decimal | None = None
    tripped: bool = False

    def read(self, equity: Decimal) -> "DrawdownBreaker":
        """Judges one reading of the equity, in quote currency.

        The answer is a new breaker: its peak never falls, and once tripped it stays tripped.
        """
        peak = equity if self.peak is None or equity > self.peak else self.peak
        fallen = peak > ZERO and peak - equity >= peak * self.limit
        return replace(self, peak=peak, tripped=self.tripped or fallen)

    def release(self, equity: Decimal) -> "DrawdownBreaker":
        """Resets the breaker and measures later falls from this equity, in quote currency."""
        return replace(self, peak=equity, tripped=False)


@dataclass(frozen=True, slots=True)
class EquityReading:
    """The result of a raw reading: the confirmed equity, and a data alert if the reading is
    doubted."""

    confirmed: Decimal | None
    alert: str | None = None


@dataclass(slots=True)
class EquityGuard:
    """Believes a jump only when enough consecutive readings agree on it.

    `jump` is the relative step from which a reading is doubted; readings agree when they lie
    within `jump` of each other. One bad tick is no loss, three are.
    """

    confirmations: int = 3
    jump: Decimal = Decimal("0.2")
    _confirmed: Decimal | None = None
    _doubted: tuple[Decimal, ...] = ()

    def __post_init__(self) -> None:
        if self.confirmations < 1 or not self.jump > ZERO:
            raise ValueError("a guard needs at least one confirmation and a jump above zero")

    def read(self, equity: Decimal) -> EquityReading:
        """Takes one reading of the equity, in quote currency.

        The answer is the newest confirmed equity, None before the first one, and a sentence that
        says why this reading is doubted, or None.
        """
        if not equity.is_finite():
            return EquityReading(self._confirmed, f"an equity of {equity} is not a number")
        if self._confirmed is None or self._near(equity, self._confirmed):
            return self._believe(equity)
        agreeing = bool(self._doubted) and self._near(equity, self._doubted[-1])
        self._doubted = (*self._doubted, equity) if agreeing else (equity,)
        if len(self._doubted) >= self.confirmations:
            return self._believe(equity)
        return EquityReading(
            self._confirmed,
            f"equity jumped from {self._confirmed:f} to {equity:f}; "
            f"reading {len(self._doubted)} of {self.confirmations}",
        )

    def _believe(self, equity: Decimal) -> EquityReading:
        self._confirmed, self._doubted = equity, ()
        return EquityReading(equity)

    def _near(self, one: Decimal, other: Decimal) -> bool:
        return abs(one - other) <= abs(other) * self.jump
