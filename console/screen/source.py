"""Reads frames of a running system: rows by the read-only engine, processes by the supervisor."""

from datetime import UTC, datetime

from redis import Redis
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.clock import SystemClock
from bot.exchange.market_cache import RedisMarketCache
from bot.risk.snapshot import MarketView
from bot.state.binding import shown
from config.celery import with_database
from config.settings import Settings
from console.context import reading_engine
from console.errors import explain
from console.screen.lines import line
from console.screen.view import ScreenView
from console.views.limit_use import LimitUse, highest, limit_uses
from console.views.live.moment import Live
from console.views.live.queries import live
from models.tables import DecisionRow
from tasks.bootstrap import MARKET_DATABASE, market_seal
from workers.home import Home
from workers.supervision.supervisor import (
    NotRunningError,
    ProcessStatus,
    Supervisor,
    SupervisorCallError,
)

# Asking each process for its memory costs more than all queries together.
_PROCESSES_EVERY_SECONDS = 2.0
_LIMITS_KEPT = 500
_REDIS_TIMEOUT_SECONDS = 0.5


class ViewSource:
    """One reader for the life of a screen; `close` it."""

    def __init__(self, settings: Settings, addresses: dict[str, str]) -> None:
        self._settings = settings
        self._addresses = addresses
        self._engine = reading_engine(settings.require_database_url())
        self._market = _market_cache(settings)
        self._seen: datetime | None = None
        self._limits: dict[str, LimitUse] = {}
        self._processes: tuple[ProcessStatus, ...] = ()
        self._processes_at: datetime | None = None

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def summary(self) -> str:
        """The present state in one line; empty while Postgres can't be read."""
        view = self.read()
        return "" if view.live is None else line(view)

    def read(self) -> ScreenView:
        """Reads a frame. While Postgres is away the frame says so instead."""
        now = datetime.now(UTC)
        problem: str | None = None
        moment: Live | None = None
        try:
            with Session(self._engine) as session:
                moment = live(session, shown(session, self._settings).account)
                self._read_limits(session)
        except DBAPIError as error:
            known = explain(error)
            if known is None:
                raise
            problem = known.message
        markets = self._read_markets()
        return ScreenView(
            home=str(self._settings.home),
            now=now,
            live=moment,
            processes=self._read_processes(now),
            addresses=self._addresses,
            limits=tuple(self._limits.values()),
            problem=problem,
            signed=self._settings.message_key is not None,
            marks={view.symbol: view.mark for view in markets if view.mark is not None},
            # The exchange's clock may be a few milliseconds ahead of ours.
            market_age_seconds=max(
                (max(0.0, (now - view.as_of).total_seconds()) for view in markets), default=None
            ),
        )

    def _read_markets(self) -> list[MarketView]:
        """The newest market views. A missing one has expired, and the gate refuses without it."""
        if self._market is None:
            return []
        found = [self._market.get(symbol) for symbol in self._settings.symbol_list]
        return [view for view in found if view is not None]

    def _read_limits(self, session: Session) -> None:
        """Adds the limit use of the decisions since the last frame."""
        query = select(DecisionRow.decided_at, DecisionRow.decision).order_by(
            DecisionRow.decided_at.desc()
        )
        if self._seen is not None:
            query = query.where(DecisionRow.decided_at > self._seen)
        rows = session.execute(query.limit(_LIMITS_KEPT)).all()
        if rows:
            self._seen = rows[0].decided_at
        uses = [use for row in rows for use in limit_uses(row.decision)]
        self._limits = highest([*self._limits.values(), *uses])

    def _read_processes(self, now: datetime) -> tuple[ProcessStatus, ...]:
        last = self._processes_at
        if last is None or (now - last).total_seconds() >= _PROCESSES_EVERY_SECONDS:
            self._processes_at = now
            self._processes = process_status(self._settings)
        return self._processes


def _market_cache(settings: Settings) -> RedisMarketCache | None:
    if settings.redis_url is None:
        return None
    url = with_database(settings.require_redis_url(), MARKET_DATABASE)
    timeout = _REDIS_TIMEOUT_SECONDS
    return RedisMarketCache(
        Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout),
        seal=market_seal(settings, SystemClock()),
    )


def process_status(settings: Settings) -> tuple[ProcessStatus, ...]:
    """The home's processes; none when no supervisor of ours runs there."""
    try:
        return tuple(Supervisor.attach(Home(settings.home)).status())
    except (NotRunningError, SupervisorCallError):
        # Somebody else may run servers and workers (compose). Their rows tell enough.
        return ()
