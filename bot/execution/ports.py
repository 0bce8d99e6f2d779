"""What execution needs of the outside, as protocols."""

import logging
from datetime import datetime
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from bot.errors import MlriskError
from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.market.reading import MarketReading
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from config.loading import ConfigError

log = logging.getLogger(__name__)


class MarketCache(Protocol):
    """The newest market of each symbol. It may vanish; then there is no market."""

    def get(self, symbol: str) -> MarketView | None:
        """None when nothing is known; never raises because the store is away."""

    def read(self, symbol: str) -> MarketReading:
        """All that a decision about this symbol needs, in one round trip; never raises either."""


class TaskQueue(Protocol):
    """At-least-once wake-ups that may be lost: rows are found again by the dispatcher."""

    def child(
        self, child_id: int, due_at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        """Urgent ones go through the emergency queue, which nothing else fills; others that only
        reduce overtake what adds."""

    def parent(
        self, request_id: str, at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        """A stepped parent wants to be looked at."""

    def request(self, request_id: str) -> None:
        """Enqueues a trade request, to be decided."""


class VolumeForecasts(Protocol):
    """What the market is expected to trade while a parent is worked."""

    def forecast(
        self,
        symbol: str,
        *,
        model: str,
        start_at: datetime,
        deadline_at: datetime,
        now: datetime,
    ) -> VolumeForecast:
        """Raises Refused for the model, RetryLater for the minutes that it needs."""


class LimitsSource(Protocol):
    """The limits in force now."""

    def limits(self) -> RiskLimits:
        """Raises when they can't be known; what adds risk waits then."""

    def last_known(self) -> RiskLimits:
        """The limits as last read; never raises. For what only reduces."""


UNREADABLE = (MlriskError, ConfigError, SQLAlchemyError, OSError)
"""What asking for limits may raise."""


def limits_for(source: LimitsSource, *, reduce_only: bool) -> RiskLimits:
    """The limits in force; limits that can't be read never hold an exit back."""
    try:
        return source.limits()
    except UNREADABLE as error:
        if not reduce_only:
            raise
        log.error("an exit goes by the limits as last read: %s", error)
        return source.last_known()


class DispatcherOnly:
    """No wake-ups of one's own: the dispatcher finds the rows within seconds."""

    def child(
        self, child_id: int, due_at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        """The dispatcher's next tick finds it."""

    def parent(
        self, request_id: str, at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        """The dispatcher's next tick finds it."""

    def request(self, request_id: str) -> None:
        """The dispatcher's next tick finds it."""
