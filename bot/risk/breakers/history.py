"""Locks that follow from closed trades: stop-loss guard, cooldown, low profit, losing streaks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.risk.breakers.locks import Lock, LockSide, end_of_candle, next_time_of_day
from models.amounts import ZERO


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A closed trade. `profit` is a fraction of the stake, losses negative."""

    symbol: str
    side: LockSide
    closed_at: datetime
    profit: Decimal
    stopped_out: bool = False
    """Closed by its stop loss (or liquidation), not by the strategy."""


@dataclass(frozen=True, slots=True)
class StoplossGuard:
    """A number of losing stop exits within a window locks every entry (or the symbol's)."""

    window: timedelta = timedelta(minutes=60)
    limit: int = 3
    duration: timedelta = timedelta(minutes=40)

    def __post_init__(self) -> None:
        _positive(window=self.window, limit=self.limit, duration=self.duration)

    def judge(
        self, trades: Iterable[ClosedTrade], now: datetime, *, symbol: str | None = None
    ) -> Lock | None:
        """A lock counted from the latest stop, so that the same stops never lock twice."""
        stops = [
            trade
            for trade in _within(trades, now, self.window)
            if trade.stopped_out and trade.profit < ZERO and symbol in (None, trade.symbol)
        ]
        if len(stops) < self.limit:
            return None
        until = max(trade.closed_at for trade in stops) + self.duration
        if until <= now:
            return None
        return Lock(until, f"{len(stops)} stop exits within {self.window}", symbol)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """A pause for a symbol after its last close, or until a time of day."""

    duration: timedelta = timedelta(minutes=60)
    unlock_hour: int | None = None
    """With it, the pause lasts until this hour (UTC), to the end of the candle that holds it."""
    candle: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        _positive(duration=self.duration, candle=self.candle)

    def judge(self, trades: Iterable[ClosedTrade], now: datetime, symbol: str) -> Lock | None:
        """The pause of `symbol` at `now` after its last close, or None when it is over."""
        closes = [t.closed_at for t in trades if t.symbol == symbol and t.closed_at <= now]
        if not closes:
            return None
        latest = max(closes)
        if self.unlock_hour is None:
            until = latest + self.duration
        else:
            until = end_of_candle(next_time_of_day(latest, self.unlock_hour), self.candle)
        return Lock(until, "cooldown after a close", symbol) if now < until else None


@dataclass(frozen=True, slots=True)
class LowProfit:
    """A symbol whose recent trades sum to less than required is locked, whole or by side."""

    window: timedelta = timedelta(minutes=400)
    limit: int = 2
    required: Decimal = ZERO
    duration: timedelta = timedelta(minutes=60)

    def __post_init__(self) -> None:
        _positive(window=self.window, limit=self.limit, duration=self.duration)

    def judge(
        self,
        trades: Iterable[ClosedTrade],
        now: datetime,
        symbol: str,
        side: LockSide = LockSide.BOTH,
    ) -> Lock | None:
        """`side` sums that side's trades only; the number of trades counts both sides."""
        recent = [t for t in _within(trades, now, self.window) if t.symbol == symbol]
        if len(recent) < self.limit:
            return None
        counted = [t.profit for t in recent if side in (LockSide.BOTH, t.side)]
        total = sum(counted, ZERO)
        if not counted or total >= self.required:
            return None
        until = max(trade.closed_at for trade in recent) + self.duration
        if until <= now:
            return None
        return Lock(until, f"the last trades sum to {total:f}", symbol, side)


def consecutive_losses(trades: Sequence[ClosedTrade]) -> int:
    """Losing trades since the last that did not lose, newest by closing time."""
    count = 0
    for trade in sorted(trades, key=lambda t: t.closed_at, reverse=True):
        if trade.profit >= ZERO:
            break
        count += 1
    return count


def _within(trades: Iterable[ClosedTrade], now: datetime, window: timedelta) -> list[ClosedTrade]:
    return [trade for trade in trades if now - window <= trade.closed_at <= now]


def _positive(**values: timedelta | int) -> None:
    """Raises ValueError for a window, limit or duration that would lock nothing or for ever."""
    for name, value in values.items():
        size = value.total_seconds() if isinstance(value, timedelta) else value
        if size <= 0:
            raise ValueError(f"{name} must be above zero, found {value}")
