"""The outside world of execution, as protocols, and what its transactions and services share."""

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from bot.clock import Clock
from bot.errors import MlriskError
from bot.exchange.protocol import Exchange
from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.market.reading import MarketReading
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from config.loading import ConfigError
from models.database import Database, UnitOfWork

log = logging.getLogger(__name__)


class MarketCache(Protocol):
    """The newest market of each symbol. It may vanish; then there is no market."""

    def get(self, symbol: str) -> MarketView | None:
        """The newest view; None when nothing is known. Never raises when the store is away."""

    def read(self, symbol: str) -> MarketReading:
        """The market data of a decision about this symbol, in one round trip; never raises
        either."""


class TaskQueue(Protocol):
    """Enqueues tasks for due rows. A message may be lost or come twice; the dispatcher finds rows
    again."""

    def child(
        self, child_id: int, due_at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        """Enqueues a child. An urgent child goes through the emergency queue, which nothing else
        fills; other exits overtake children that add risk."""

    def parent(
        self, request_id: str, at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        """Enqueues the next step of an event-driven parent."""

    def request(self, request_id: str) -> None:
        """Enqueues a trade request, to be decided."""

    def breakers(self) -> None:
        """Asks for a look at the circuit breakers, because something happened that they count."""


class VolumeForecasts(Protocol):
    """Forecasts of the market's volume while a parent is worked."""

    def forecast(
        self,
        symbol: str,
        *,
        model: str,
        start_at: datetime,
        deadline_at: datetime,
        now: datetime,
    ) -> VolumeForecast:
        """The forecast. Raises Refused when the model fails, RetryLater when its minutes are
        missing."""


class LimitsSource(Protocol):
    """The limits in force now."""

    def limits(self) -> RiskLimits:
        """The limits. Raises one of `UNREADABLE` when they can't be known; entries wait then."""

    def last_known(self) -> RiskLimits:
        """The limits as last read, for exits; never raises."""


class OrderWork(UnitOfWork):
    """One transaction on orders: its rows, its audit entries, its time and its task queue.

    Whatever works on orders takes it instead of the three. Leaving the block without `commit()`
    rolls everything back, as in `UnitOfWork`.
    """

    def __init__(self, db: Database, clock: Clock, task_queue: TaskQueue) -> None:
        super().__init__(db.engine)
        self._clock = clock
        self._judges_breakers = False
        self.task_queue = task_queue

    @cached_property
    def now(self) -> datetime:
        """The time of every row and entry of this transaction, UTC.

        The clock is read when the time is first asked for. Ask after the locks are taken: the wait
        for them may last seconds.
        """
        return self._clock.now()

    def add_entry(
        self, account: str, kind: str, subject: str, actor: str, payload: dict[str, Any]
    ) -> None:
        """Adds an audit entry of this transaction's time to the account's chain."""
        self.audit(account, kind, subject, actor, payload, self.now)

    def judge_breakers(self) -> None:
        """Asks for a look at the circuit breakers after the commit; once, however often it is
        called."""
        if not self._judges_breakers:
            self._judges_breakers = True
            self.after_commit(self.task_queue.breakers)


@dataclass(frozen=True, slots=True)
class AccountDeps:
    """The resources of every service of one account. One that asks no exchange takes no more."""

    db: Database
    account: str
    clock: Clock
    task_queue: TaskQueue

    def work(self) -> OrderWork:
        """A new transaction on orders, for use in a `with` block."""
        return OrderWork(self.db, self.clock, self.task_queue)


@dataclass(frozen=True, slots=True)
class Deps(AccountDeps):
    """The resources of every service of one account that asks the exchange, which holds the keys of
    that account."""

    exchange: Exchange


UNREADABLE = (MlriskError, ConfigError, SQLAlchemyError, OSError)
"""The errors of asking for limits."""


def limits_for(source: LimitsSource, *, reduce_only: bool) -> RiskLimits:
    """The limits in force; for an exit the last known ones when no newer can be read."""
    try:
        return source.limits()
    except UNREADABLE as error:
        if not reduce_only:
            raise
        log.error(
            "the limits can't be read; an exit uses the last known ones: %s",
            error,
            extra={"event": "an_exit_goes_by_the_limits_as_last_read"},
        )
        return source.last_known()


class DispatcherOnly:
    """A task queue without messages: the dispatcher finds the rows within seconds."""

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

    def breakers(self) -> None:
        """Beat's next look sees it."""
