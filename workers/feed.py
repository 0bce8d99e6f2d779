"""The feed process: public streams become market views in Redis, private ones fills in Postgres.

`python -m workers.feed`. It exits with 1 when a stream's thread crashed or Postgres stays away, and
the supervisor starts it again; what was missed meanwhile is read by REST after every connection.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from bot.errors import DependencyDown, MlriskError, RetryLater
from bot.exchange import correlations
from bot.exchange.bybit.frames import StreamEvent
from bot.exchange.bybit.streams import (
    StreamState,
    StreamSupervisor,
    private_stream,
    public_stream,
)
from bot.exchange.factory import bybit_config
from bot.exchange.protocol import ExchangeOrder, Execution, Wallet
from bot.market.features import MarketTracker, TrackerSettings
from bot.market.frames import BookFrame, TickerFrame, TradeFrame
from bot.market.volatility import from_closes
from config.settings import load_settings
from models.repositories import portfolio
from tasks.context import Services, services
from workers import readiness
from workers.app import app
from workers.logs import configure_logging

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 0.1
"""Ten views a second and symbol: far inside the age limit, and cheap for Redis."""
HEARTBEAT_SECONDS = 5.0
WALLET_SECONDS = 1.0
"""Wallet events come with every fill; one reading a second is enough for the equity curve."""
SEED_MINUTES = 240
"""As long as the baseline's half-life."""
TRACKER = TrackerSettings(levels=20)
"""Levels stored with every decision: enough to walk for what the gate lets through."""


class MarketFeed:
    """Turns public frames into views, and publishes the newest of each symbol."""

    def __init__(self, context: Services) -> None:
        self._context = context
        self._trackers = {s: MarketTracker(s, TRACKER) for s in context.settings.symbol_list}
        self._lock = threading.Lock()
        self.resubscribe: Callable[[str], None] | None = None

    def seed(self) -> None:
        """Starts the volatilities from the exchange's minute bars: a restart forgets nothing."""
        for symbol, tracker in self._trackers.items():
            try:
                closes = self._context.exchange.minute_closes(symbol, count=SEED_MINUTES)
            except RetryLater as error:
                log.warning("volatility starts unseeded: %s", error, extra={"symbol": symbol})
                continue
            daily = from_closes(closes)
            if daily is not None:
                tracker.seed_volatility(daily)
        try:
            correlations.refresh(
                self._context.exchange, self._context.market, tuple(self._trackers)
            )
        except (RetryLater, RedisError) as error:
            log.warning("correlations start unknown: %s", error)

    def on_event(self, event: StreamEvent) -> None:
        if not isinstance(event, BookFrame | TradeFrame | TickerFrame):
            return
        tracker = self._trackers.get(event.symbol)
        if tracker is None:
            return
        with self._lock:
            intact = tracker.feed(event)
        if not intact and self.resubscribe is not None:
            log.warning("order book has a gap", extra={"symbol": event.symbol})
            self.resubscribe(f"orderbook.50.{event.symbol}")

    def on_gap(self, why: str) -> None:
        """A new connection starts with snapshots; until then there is no market."""
        log.info("market stream connected: %s", why)
        with self._lock:
            for tracker in self._trackers.values():
                tracker.gap()

    def publish(self) -> None:
        with self._lock:
            views = [v for v in (t.view() for t in self._trackers.values()) if v is not None]
        try:
            self._context.market.put(views)
        except RedisError as error:
            # Readers see no market, and refuse; the next round publishes again.
            log.warning("market views not published: %s", error)


class AccountFeed:
    """Stores what the private streams say; after every connection, what they didn't."""

    def __init__(self, context: Services) -> None:
        self._context = context
        self._wallet_at = context.clock.now() - timedelta(days=1)

    def on_event(self, event: StreamEvent) -> None:
        try:
            self._store(event)
        except OperationalError as error:
            raise DependencyDown(f"Postgres can't be reached: {error.orig}") from error

    def on_gap(self, why: str) -> None:
        """Reads by REST what no stream repeats."""
        log.info("account stream connected: %s", why)
        try:
            report = self._context.reconciler.reconcile_account()
            self._context.reconciler.resolve_all(older_than=timedelta(0))
            self._context.rebuild_reservations()
            self._context.reconciler.record_wallet()
        except OperationalError as error:
            raise DependencyDown(f"Postgres can't be reached: {error.orig}") from error
        log.info("account reconciled", extra={"new_fills": report.new_fills})

    def _store(self, event: StreamEvent) -> None:
        now = self._context.clock.now()
        if isinstance(event, Execution):
            self._context.fills.apply_execution(event, now, source="stream")
        elif isinstance(event, ExchangeOrder):
            self._context.fills.apply_order(event, now)
        elif isinstance(event, Wallet):
            self._record_wallet(event)

    def _record_wallet(self, wallet: Wallet) -> None:
        now = self._context.clock.now()
        if (now - self._wallet_at).total_seconds() < WALLET_SECONDS:
            return
        self._wallet_at = now
        self._context.reconciler.store_wallet(wallet)


def run(stop: threading.Event) -> int:
    """Feeds until `stop` is set; returns the exit status."""
    context = services()
    config = bybit_config(context.settings)
    _prepare(context, stop)
    market, account = MarketFeed(context), AccountFeed(context)
    market.seed()
    public = public_stream(
        config,
        context.settings.symbol_list,
        on_event=market.on_event,
        on_gap=market.on_gap,
    )
    market.resubscribe = public.resubscribe
    private = private_stream(config, on_event=account.on_event, on_gap=account.on_gap)
    streams = (public, private)
    for stream in streams:
        stream.start()
    readiness.announce()
    try:
        return _watch(context, market, streams, stop)
    finally:
        for stream in streams:
            stream.stop()


def _prepare(context: Services, stop: threading.Event) -> None:
    """Trading rules and the account's row must be there before the first request."""
    while not stop.is_set():
        try:
            with context.db.transaction() as session:
                portfolio.ensure_account(session, context.settings.account, context.clock.now())
            log.info("instruments read", extra={"count": context.reconciler.refresh_instruments()})
        except (RetryLater, OperationalError) as error:
            log.warning("waiting for the exchange and Postgres: %s", error)
            readiness.announce()  # waiting for them, it is where it should be
            stop.wait(0.5)
        else:
            return


def _watch(
    context: Services,
    market: MarketFeed,
    streams: tuple[StreamSupervisor, ...],
    stop: threading.Event,
) -> int:
    beat_at = 0.0
    elapsed = 0.0
    while not stop.wait(PUBLISH_SECONDS):
        elapsed += PUBLISH_SECONDS
        market.publish()
        health = [stream.health() for stream in streams]
        crashed = [h.name for h in health if h.state is StreamState.CRASHED]
        if crashed:
            log.critical("stream crashed: %s", ", ".join(crashed))
            return 1
        if elapsed >= beat_at:
            beat_at = elapsed + HEARTBEAT_SECONDS
            try:
                context.monitor.heartbeat(
                    "feed", os.getpid(), {h.name: h.state.value for h in health}
                )
            except OperationalError as error:
                log.error("Postgres can't be reached: %s", error)
                return 1
    return 0


def main() -> int:
    configure_logging(load_settings().log_format)
    app.set_current()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        return run(stop)
    except MlriskError as error:
        log.critical("feed stops: %s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
