"""Own impact: the shift of the prices that we meet by our taker flow, and its decay.

The square-root law has a linear start: I = Y sigma sqrt(J / V) for a signed flow J that decays
exponentially. `ImpactSettings` names the sources. The decay is inside the root, which keeps the
cost of a round trip positive. With the decay outside, splitting an order could earn money (Gatheral
2010).
"""

from decimal import Decimal
from math import exp, log, sqrt
from typing import Final

from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.settings import ImpactSettings

DAY_MS: Final = 86_400_000
REFRESH_MS: Final = 100
"""The interval between two computations of the shift, far shorter than any half-life in use."""


class ImpactModel:
    """The impact model of one market.

    It uses floats, because it is an estimate and not money. The shift is in whole ticks.
    """

    __slots__ = (
        "_decay",
        "_flow",
        "_past",
        "_settings",
        "_since",
        "_symbol",
        "_traded",
        "_until",
        "next_ms",
    )

    def __init__(self, market: Market, settings: ImpactSettings) -> None:
        self._settings = settings
        self._symbol = market.symbol
        self._decay = log(2) / settings.half_life_ms
        self._flow = 0.0
        """Signed taker flow in steps, decayed to `_until`."""
        self._until = 0
        self._traded = 0
        self._past: int | None = None
        """The volume of the day before the start, in steps."""
        self._since: int | None = None
        self.next_ms = 0

    def take_past(self, day_volume: int) -> None:
        """Takes the volume of the day before the start, in steps."""
        self._past = day_volume or None

    def on_trade(self, qty: int, now: int) -> None:
        """Counts replayed volume for the estimate of daily volume."""
        if self._since is None:
            self._since = now
        self._traded += qty

    def on_take(self, side: int, steps: int, now: int) -> None:
        """Counts our taker's trade: side +1 or -1, quantity in steps, time in milliseconds."""
        self._flow = self._decayed(now) + side * steps
        self._until = now
        self.next_ms = 0

    def _decayed(self, now: int) -> float:
        return self._flow * exp(-self._decay * (now - self._until)) if self._flow else 0.0

    def daily_volume(self, step: Decimal, now: int) -> float | None:
        """The daily volume in steps: the setting, else an estimate.

        The estimate is the rate of the past day and the replayed trades together. Without a past it
        needs some observation. None without any of them.
        """
        given = self._settings.daily_volume.get(self._symbol)
        if given is not None:
            return float(given / step)
        seen = 0 if self._since is None else now - self._since
        if self._past is not None:
            return (self._past + self._traded) * DAY_MS / (DAY_MS + seen)
        if self._since is None or seen < self._settings.min_observation_ms:
            return None
        return self._traded * DAY_MS / seen

    def fraction(self, step: Decimal, now: int) -> float:
        """Impact as a signed fraction of the price."""
        flow = self._decayed(now)
        volume = self.daily_volume(step, now)
        if not flow or not volume:
            return 0.0
        settings = self._settings
        sigma = settings.daily_volatility.get(self._symbol, settings.default_daily_volatility)
        share, start = abs(flow) / volume, float(settings.linear_below)
        curve = sqrt(share) if share >= start else share / sqrt(start)
        size = float(settings.prefactor) * float(sigma) * curve
        return size if flow > 0 else -size

    def shift(self, market: Market, now: int) -> int:
        """The shift of the replayed prices for our orders, in whole ticks."""
        self.next_ms = now + REFRESH_MS
        doubled = market.book.doubled_mid()
        if doubled is None:
            return market.book.shift
        return round(self.fraction(market.step, now) * doubled / 2)
