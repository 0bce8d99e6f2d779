"""How good each breaker is: its trips, false ones, its time, the loss until flat, its returns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from models.enums import BreakerAction

FALSE_WITHIN = timedelta(minutes=15)
"""The time within which a condition must be over for a trip to count as false."""
RETURNS_WITHIN = timedelta(hours=24)
"""A trip within this time after the end of one of the same scope counts as its return."""
DEFINITIONS: Mapping[str, str] = {
    "time": "how long the breaker was tripped within the period, by what it did; scopes add up",
    "false trip": (
        f"its condition was over within {FALSE_WITHIN.seconds // 60} minutes of the trip (for "
        "volatility and correlations: well below its limit, not just below it), before anything "
        "had reduced a position of its scope"
    ),
    "loss to flat": (
        "the fall of the account's equity from the trip until its scope was flat, as a share; cash "
        "flows are no loss"
    ),
    "re-trips": (
        "trips that have ended and were followed by another one of the same scope within "
        f"{RETURNS_WITHIN.days * 24} hours"
    ),
}
"""What each figure means, in words."""


@dataclass(frozen=True, slots=True)
class PastTrip:
    """One trip with what followed from it."""

    kind: str
    scope: str
    at: datetime
    action: BreakerAction = BreakerAction.REDUCE_ONLY
    within_again_at: datetime | None = None
    """When its condition was first over; None when nobody saw that."""
    was_helped: bool = False
    """Whether a position of its scope was reduced before that."""
    ended_at: datetime | None = None
    loss: Decimal | None = None
    """The loss until its scope was flat; None while it is not, or when it is unknown."""

    @property
    def is_false(self) -> bool:
        """As `DEFINITIONS` says."""
        again = self.within_again_at
        return again is not None and again - self.at <= FALSE_WITHIN and not self.was_helped


@dataclass(frozen=True, slots=True)
class Quality:
    """The figures of one kind of breaker over a period. A share without anything to count is
    None."""

    kind: str
    trips: int
    seconds: Mapping[str, float]
    """The time tripped, by action."""
    false_trips: int
    false_share: float | None
    flat: int
    """Trips whose loss to flat is known."""
    mean_loss: Decimal | None
    worst_loss: Decimal | None
    ended: int
    re_trips: int
    re_trip_share: float | None


def qualities(trips: Iterable[PastTrip], since: datetime, until: datetime) -> list[Quality]:
    """The figures of each kind that was tripped in the period, by name.

    A trip from before the period counts with its time alone.
    """
    by_kind: dict[str, list[PastTrip]] = {}
    for trip in sorted(trips, key=lambda one: one.at):
        by_kind.setdefault(trip.kind, []).append(trip)
    return [_quality(kind, found, since, until) for kind, found in sorted(by_kind.items())]


def _quality(kind: str, trips: Sequence[PastTrip], since: datetime, until: datetime) -> Quality:
    counted = [trip for trip in trips if since <= trip.at < until]
    seconds: dict[str, float] = {}
    for trip in trips:
        first, last = max(trip.at, since), min(trip.ended_at or until, until)
        passed = max(0.0, (last - first).total_seconds())
        seconds[trip.action.value] = seconds.get(trip.action.value, 0.0) + passed
    false = sum(trip.is_false for trip in counted)
    losses = [trip.loss for trip in counted if trip.loss is not None]
    ended = [trip for trip in counted if trip.ended_at is not None]
    returned = sum(_returns(trip, trips) for trip in ended)
    return Quality(
        kind=kind,
        trips=len(counted),
        seconds=seconds,
        false_trips=false,
        false_share=_share(false, len(counted)),
        flat=len(losses),
        mean_loss=sum(losses, Decimal(0)) / len(losses) if losses else None,
        worst_loss=max(losses, default=None),
        ended=len(ended),
        re_trips=returned,
        re_trip_share=_share(returned, len(ended)),
    )


def _returns(trip: PastTrip, trips: Sequence[PastTrip]) -> bool:
    ended = trip.ended_at
    return ended is not None and any(
        other.scope == trip.scope and ended <= other.at <= ended + RETURNS_WITHIN
        for other in trips
        if other is not trip
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
