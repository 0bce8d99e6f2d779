"""Public frames become market views in Redis, the newest of each symbol."""

import logging
import threading
from collections.abc import Callable

from redis.exceptions import RedisError

from bot.errors import MlriskError
from bot.exchange import correlations
from bot.exchange.streams import StreamEvent
from bot.market.features import MarketTracker, TrackerSettings
from bot.market.frames import BookFrame, TickerFrame, TradeFrame
from bot.market.volatility import from_closes
from tasks.bootstrap import Services

log = logging.getLogger(__name__)

SEED_MINUTES = 240
"""The number of minute bars that seed the volatility: as long as the baseline's half-life."""
TRACKER = TrackerSettings(levels=20)
"""The book's levels that are stored with every decision: enough for the orders that the gate
allows."""


class MarketFeed:
    """Turns public frames into views, and publishes the newest of each symbol."""

    def __init__(self, context: Services) -> None:
        self._context = context
        self._trackers = {s: MarketTracker(s, TRACKER) for s in context.settings.symbol_list}
        self._lock = threading.Lock()
        self.renew_book: Callable[[str], None] | None = None

    def seed(self) -> None:
        """Starts the volatilities from the exchange's minute bars: a restart forgets nothing."""
        for symbol, tracker in self._trackers.items():
            try:
                closes = self._context.exchange.minute_closes(symbol, count=SEED_MINUTES)
            except MlriskError as error:  # also a symbol that the exchange does not know
                log.warning(
                    "the volatility starts without past bars: %s",
                    error,
                    extra={"event": "volatility_starts_unseeded", "symbol": symbol},
                )
                continue
            daily = from_closes(closes)
            if daily is not None:
                tracker.seed_volatility(daily)
        try:
            correlations.refresh(
                self._context.exchange, self._context.market, tuple(self._trackers)
            )
        except (MlriskError, RedisError) as error:
            log.warning(
                "the correlations are unknown at the start: %s",
                error,
                extra={"event": "correlations_start_unknown"},
            )

    def on_event(self, event: StreamEvent) -> None:
        """Takes one public frame into the symbol's view.

        A gap in the book subscribes the symbol again.
        """
        if not isinstance(event, BookFrame | TradeFrame | TickerFrame):
            return
        tracker = self._trackers.get(event.symbol)
        if tracker is None:
            return
        with self._lock:
            intact = tracker.feed(event)
        if not intact and self.renew_book is not None:
            log.warning(
                "an order book has a gap",
                extra={"event": "order_book_has_a_gap", "symbol": event.symbol},
            )
            self.renew_book(event.symbol)

    def on_gap(self, why: str) -> None:
        """Clears the market. A new connection starts with snapshots; until then there is no
        market."""
        log.info(
            "the market stream is connected: %s", why, extra={"event": "market_stream_connected"}
        )
        with self._lock:
            for tracker in self._trackers.values():
                tracker.gap()

    def publish(self) -> None:
        """Writes the newest view of each symbol to Redis.

        A failure is logged, and the next call repeats it.
        """
        with self._lock:
            views = [v for v in (t.view() for t in self._trackers.values()) if v is not None]
        try:
            self._context.market.put(views)
        except RedisError as error:
            # Readers then see no market and refuse. The next round publishes again.
            log.warning(
                "market views can't be published: %s",
                error,
                extra={"event": "market_views_not_published"},
            )
