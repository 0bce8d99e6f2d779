"""Breakers that follow from the market: bad data, volatility, and correlations that change.

Bad data is looked at each time. The minute bars of the traded symbols are read by their own task
once a minute; the evaluator sees the last figures and when they were measured.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.execution.ports import MarketCache
from bot.market.correlation import Closes, shrunk_correlations
from bot.market.spikes import correlation_shift, volatility_spike
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from bot.safety.breakers.readings import BreakerKind, BreakerReading, seconds_between
from bot.state.breakers import BreakerScope
from models.enums import ScopeKind

log = logging.getLogger(__name__)

CORRELATION_MINUTES = 120
"""The short window of correlations; the history is all the minutes before it."""
MEASURED_FOR = timedelta(minutes=5)
"""How long figures of minute bars count. Older ones are unmeasured."""


@dataclass(frozen=True, slots=True)
class BarFigures:
    """What the minute bars of the traded symbols say."""

    at: datetime
    volatility: Mapping[str, float] = field(default_factory=dict)
    """Short over long volatility, by symbol."""
    shift: float | None = None
    """The average change of the pairs' correlations."""


def figures_of(closes: Mapping[str, Closes], minutes: int, now: datetime) -> BarFigures:
    """The figures of the bars; a symbol with too short a history has none."""
    ratios = {
        symbol: ratio
        for symbol, found in closes.items()
        if (ratio := volatility_spike(found, minutes)) is not None
    }
    shift = None
    if len(closes) > 1:
        recent = {s: found[-CORRELATION_MINUTES:] for s, found in closes.items()}
        before = {s: found[:-CORRELATION_MINUTES] for s, found in closes.items()}
        shift = correlation_shift(shrunk_correlations(recent), shrunk_correlations(before))
    return BarFigures(now, ratios, shift)


@dataclass(frozen=True, slots=True)
class Threshold:
    """The limit of a figure of a moving window, and the part of it below which a breach is over.

    The window moves on: after a spike of minutes the figure is just below the limit soon, and just
    above it a little later, while the market moves as much as before.
    """

    limit: float
    release: float
    """A share of the limit."""

    def is_breached(self, value: float) -> bool:
        """Whether the figure trips; the limit itself does."""
        return value >= self.limit

    def is_over(self, value: float) -> bool:
        """Whether the figure is normal again after a breach."""
        return value < self.limit * self.release


def spike_threshold(limits: RiskLimits) -> Threshold:
    """Of the short over the long volatility."""
    return Threshold(limits.max_volatility_ratio, limits.breakers.volatility_release)


def shift_threshold(limits: RiskLimits) -> Threshold:
    """Of the average change of correlations."""
    return Threshold(limits.breakers.max_correlation_shift, limits.breakers.correlation_release)


def bars(
    account: str, figures: BarFigures | None, limits: RiskLimits, now: datetime
) -> Iterator[BreakerReading]:
    """The volatility of each symbol and the correlations of all."""
    if figures is None or now - figures.at > MEASURED_FOR:
        return
    minutes = limits.breakers.volatility_window_minutes
    spike = spike_threshold(limits)
    for symbol, ratio in sorted(figures.volatility.items()):
        yield BreakerReading(
            kind=BreakerKind.VOLATILITY,
            scope=BreakerScope(ScopeKind.SYMBOL, symbol),
            value=f"{ratio:.4f}",
            limit=f"{spike.limit:g}",
            window=f"{minutes} minutes against 12 hours",
            breached=spike.is_breached(ratio),
            over=spike.is_over(ratio),
            reason=f"the volatility is {ratio:.2f} times its history; the limit is {spike.limit:g}",
        )
    if figures.shift is not None:
        shift = shift_threshold(limits)
        yield BreakerReading(
            kind=BreakerKind.CORRELATION,
            scope=BreakerScope(ScopeKind.ACCOUNT, account),
            value=f"{figures.shift:.4f}",
            limit=f"{shift.limit:g}",
            window=f"{CORRELATION_MINUTES} minutes against 10 hours",
            breached=shift.is_breached(figures.shift),
            over=shift.is_over(figures.shift),
            reason=(
                f"the correlations of the symbols changed by {figures.shift:.2f} on average; the "
                f"limit is {shift.limit:g}"
            ),
        )


def data(
    market: MarketCache,
    symbols: Sequence[str],
    limits: RiskLimits,
    now: datetime,
    memories: Mapping[str, dict[str, Any] | None],
) -> Iterator[BreakerReading]:
    """How long each symbol's market has been bad; a gap is a market that stays away.

    A symbol counts from its first good market on: after a start its feed needs some seconds, and
    the gate denies entries meanwhile.
    """
    longest = limits.breakers.max_data_silence_seconds
    for symbol in symbols:
        problem = market_problem(market.get(symbol), limits, now)
        memory = memories.get(symbol) or {}
        bad = float(memory.get("bad_seconds", 0.0))
        seen = bool(memory.get("seen", False))
        if problem is None:
            bad, seen = 0.0, True
        elif seen and "at" in memory:
            bad += seconds_between(datetime.fromisoformat(memory["at"]), now)
        yield BreakerReading(
            kind=BreakerKind.DATA,
            scope=BreakerScope(ScopeKind.SYMBOL, symbol),
            value=f"{bad:.0f}",
            limit=f"{longest:g}",
            window="seconds of bad data in a row",
            breached=seen and bad >= longest,
            reason=f"bad market data of {symbol} for {bad:.0f} s: {problem}",
            memory={"bad_seconds": bad, "seen": seen, "at": now.isoformat()},
        )


def market_problem(view: MarketView | None, limits: RiskLimits, now: datetime) -> str | None:
    """Why a market can't be trusted; None when it can."""
    if view is None:
        return "no market is known"
    age = (now - view.as_of).total_seconds()
    if age > limits.max_market_age_seconds:
        return f"the newest frame is {age:.1f} s old"
    if age < -limits.max_clock_skew_seconds:
        return f"the newest frame is {-age:.1f} s in the future"
    bid, ask = view.bid, view.ask
    if bid is None or ask is None or not bid.is_finite() or not ask.is_finite() or bid <= 0:
        return "bid or ask is missing"
    if bid >= ask:
        return f"the book is crossed: bid {bid:f}, ask {ask:f}"
    mid = (bid + ask) / 2
    for name, price in (("mark", view.mark), ("index", view.index)):
        limit = limits.max_mark_deviation if name == "mark" else limits.max_index_deviation
        if price is not None and abs(float(price / mid) - 1) > limit:
            return f"the {name} price {price:f} is implausible beside the mid {mid:f}"
    return None
