"""Everything that the pages show of one moment, as plain values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from config.settings import Settings
from console.screen.view import ScreenView
from console.views.live.lease_view import LeaseView
from models.amounts import ZERO
from models.enums import AlertLevel, AlertState


@dataclass(frozen=True, slots=True)
class Fall:
    """A fall of the equity against its limit, in quote currency."""

    name: str
    value: Decimal
    limit: Decimal

    @property
    def share(self) -> float:
        """The used part of the limit; 1 is all of it."""
        return float(self.value / self.limit) if self.limit > ZERO else 1.0

    @property
    def headroom(self) -> Decimal:
        """What may still be lost before the limit trips."""
        return max(ZERO, self.limit - self.value)


@dataclass(frozen=True, slots=True)
class BreakerFacts:
    """A breaker as it stands."""

    scope: str
    kind: str
    state: str
    """`tripped`, `reduced` or `ready`."""
    value: str | None
    limit: str | None
    window: str | None
    count: int
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class TripFacts:
    """One trip of a breaker, from its cause to its end."""

    at: datetime
    scope: str
    kind: str
    reason: str
    ended_at: datetime | None
    ended_by: str | None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model on one symbol: how right it says it is, how right it was, and the evidence against
    it."""

    strategy: str
    version: str
    symbol: str
    predictions: int
    settled: int
    stated: float | None
    right: float | None
    evidence: float
    """The sum of the bets against it; at 1 the alarm sounds."""


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """A queue: its waiting messages, and the age of its canary's last answer in seconds."""

    name: str
    waiting: int | None
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """A condition that a person should know of; `at` is when it was seen last."""

    alert_id: int
    at: datetime
    level: AlertLevel
    state: AlertState
    text: str
    count: int
    acknowledged_by: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A position by our fills and by the exchange's last word."""

    symbol: str
    ours: Decimal
    theirs: Decimal
    readings: int
    """Readings in a row that differ; 0 when both agree."""


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """The exchange's record beside ours."""

    pairs: tuple[Pair, ...]
    foreign_orders: int
    orphans: int
    unreadable: int
    read_at: datetime | None
    """The last comparison."""

    @property
    def differences(self) -> int:
        """How many things differ."""
        unequal = sum(pair.readings > 0 for pair in self.pairs)
        return unequal + self.foreign_orders + self.orphans + self.unreadable


@dataclass(frozen=True, slots=True)
class Slow:
    """What is read every few seconds."""

    at: datetime
    falls: tuple[Fall, ...] = ()
    falls_unknown: str | None = None
    """Why no fall can be compared; None when it can."""
    trips: tuple[TripFacts, ...] = ()
    models: tuple[ModelFacts, ...] = ()
    queues: tuple[QueueFacts, ...] = ()
    alerts: tuple[AlertFacts, ...] = ()
    record: RecordFacts | None = None


@dataclass(frozen=True, slots=True)
class Books:
    """What is read each second."""

    at: datetime
    lease: LeaseView
    orders: tuple[dict[str, Any], ...]
    positions: tuple[dict[str, Any], ...]
    breakers: tuple[BreakerFacts, ...]
    recoveries: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """One moment. What could not be read is as it was last read, with its time."""

    now: datetime
    settings: Settings
    """As the database has them: account, mode, environment."""
    view: ScreenView
    books: Books | None
    slow: Slow | None
    value: dict[str, Any] | None = None
    """What blocks were worth (`console.views.gate_value.panel_facts`); read every few minutes."""

    def age_of(self, at: datetime | None) -> float | None:
        """The seconds since a moment."""
        return None if at is None else max(0.0, (self.now - at) / timedelta(seconds=1))
