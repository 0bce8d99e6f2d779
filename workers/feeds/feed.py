"""The feed process: public streams become market views in Redis, private ones fills in Postgres.

`python -m workers.feeds.feed`. It exits with 1 when a stream's thread crashed or Postgres stays
away, and the supervisor starts it again. After every connection it reads missed events by REST.
"""

import logging
import os
import sys
import threading
import time

from sqlalchemy.exc import OperationalError

from bot.errors import MlriskError, RetryLater, UnreadableReply
from bot.exchange.factory import make_streams
from bot.exchange.streams import Stream, StreamState
from config.settings import load_settings
from models.repositories import portfolio
from tasks.bootstrap import Services, services
from workers.celery.app import app
from workers.celery.lifelines import lifelines_of
from workers.celery.refusals import Refusals, beat_of
from workers.feeds.account import AccountFeed
from workers.feeds.market import MarketFeed
from workers.logs import configure_logging
from workers.stop_event import stop_by_signal
from workers.supervision import readiness

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 0.1
"""The time between two views of a symbol, in seconds. It is far below the age limit, and cheap for
Redis."""
HEARTBEAT_SECONDS = 5.0
POSITION_SECONDS = 1.0


def run(stop: threading.Event) -> int:
    """Feeds until `stop` is set; returns the exit status."""
    context = services()
    account_streams = make_streams(context.settings)
    lifelines_of(context).start(stop)
    _prepare(context, stop)
    market, account = MarketFeed(context), AccountFeed(context)
    market.seed()
    public = account_streams.public(
        context.settings.symbol_list, on_event=market.on_event, on_gap=market.on_gap
    )
    market.renew_book = public.renew_book
    private = account_streams.private(on_event=account.on_event, on_gap=account.on_gap)
    streams = (public, private)
    for stream in streams:
        stream.start()
    readiness.announce()
    try:
        return _watch(context, market, account, streams, stop)
    finally:
        for stream in streams:
            stream.stop()


def _prepare(context: Services, stop: threading.Event) -> None:
    """Proves the account of the keys, then stores the trading rules and the account's row. The
    first request needs both."""
    while not stop.is_set():
        try:
            reconciler = context.reconciler  # with an exchange that is proven to be ours
            with context.db.transaction() as session:
                portfolio.ensure_account(session, context.settings.account, context.clock.now())
            log.info("instruments read", extra={"count": reconciler.refresh_instruments()})
            _ask_fitness(context)
        except (RetryLater, OperationalError) as error:
            log.warning("waiting for the exchange and Postgres: %s", error)
            readiness.announce()  # a feed that waits for servers counts as ready
            stop.wait(0.5)
        else:
            return


def _ask_fitness(context: Services) -> None:
    """Asks whether the account may trade. A refusal stops new risk but not the feed: exits need the
    market."""
    try:
        context.check_fitness()
    except MlriskError as error:
        if isinstance(error, RetryLater) and not isinstance(error, UnreadableReply):
            raise
        log.error(
            "the exchange can't be asked whether the account may trade: %s",
            error,
            extra={"event": "whether_the_account_may_trade_is_not_known"},
        )


def _watch_room(context: Services) -> None:
    try:
        context.watch_room()
    except MlriskError as error:
        log.error(
            "the exchange can't be asked again whether the account may trade: %s",
            error,
            extra={"event": "whether_the_account_may_trade_again_is_not_known"},
        )


def _watch(
    context: Services,
    market: MarketFeed,
    account: AccountFeed,
    streams: tuple[Stream, ...],
    stop: threading.Event,
) -> int:
    positions, beat = _Pulse(POSITION_SECONDS), _Pulse(HEARTBEAT_SECONDS)
    refusals = Refusals(context.db, context.settings.account, context.clock)
    while not stop.wait(PUBLISH_SECONDS):
        market.publish()
        health = [stream.health() for stream in streams]
        crashed = [h.name for h in health if h.state is StreamState.CRASHED]
        if crashed:
            log.critical(
                "a stream of the feed crashed: %s",
                ", ".join(crashed),
                extra={"event": "stream_crashed"},
            )
            return 1
        try:
            if positions.is_due():
                account.store_positions()
            if beat.is_due():
                _watch_room(context)
                context.monitor.heartbeat("feed", os.getpid(), beat_of(health))
                refusals.note({s: why for h in health for s, why in h.refused.items()})
        except OperationalError as error:
            log.error("Postgres can't be reached: %s", error)
            return 1
    return 0


class _Pulse:
    """Is due at once, and again `seconds` after each time that it was due."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due_at = time.monotonic()

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self._due_at:
            return False
        self._due_at = now + self._seconds
        return True


def main() -> int:
    """Runs the feed until a signal ends it; returns the process's exit code."""
    configure_logging(load_settings().log_format)
    app.set_current()
    stop = stop_by_signal()
    try:
        return run(stop)
    except MlriskError as error:
        log.critical("the feed stops: %s", error, extra={"event": "feed_stops"})
        return 1


if __name__ == "__main__":
    sys.exit(main())
