"""The market when its cache is empty: the exchange's marks, for exits alone.

A position's entry price may be far from the market, most of all when it must be closed. A view with
a mark alone lets nothing add risk, because it has no price to trade at.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from bot.clock import Clock
from bot.errors import MlriskError
from bot.exchange.protocol import Exchange
from bot.execution.ports import MarketCache
from bot.market.reading import MarketReading
from bot.risk.snapshot import MarketView

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""The least time between two questions of one process, however many exits wait."""
AFTER_FAILURE_SECONDS = 10.0
"""The time until the next question after a failure, so that a hanging exchange doesn't delay every
decision."""


class MarketOfLastResort:
    """A market cache that asks the exchange for marks where the cache is empty. It needs no key."""

    def __init__(
        self,
        cache: MarketCache,
        exchange: Exchange,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache = cache
        self._exchange = exchange
        self._clock = clock
        self._monotonic = monotonic
        self._marks: Mapping[str, Decimal] = {}
        self._ask_at = -1.0

    def get(self, symbol: str) -> MarketView | None:
        """The newest view; where there is none, the mark."""
        view = self._cache.get(symbol)
        return self._by_mark(symbol) if view is None else view

    def read(self, symbol: str) -> MarketReading:
        """All market data of a decision, its view as in `get`."""
        reading = self._cache.read(symbol)
        return reading if reading.view is not None else replace(reading, view=self._by_mark(symbol))

    def _by_mark(self, symbol: str) -> MarketView | None:
        now = self._monotonic()
        if now >= self._ask_at:
            self._ask(now)
        mark = self._marks.get(symbol)
        return None if mark is None else MarketView(symbol, self._clock.now(), mark=mark)

    def _ask(self, now: float) -> None:
        try:
            self._marks = self._exchange.marks()
        except MlriskError as error:
            log.warning("marks can't be read: %s", error)
            self._marks, self._ask_at = {}, now + AFTER_FAILURE_SECONDS
            return
        self._ask_at = now + AGAIN_SECONDS
