"""Locks of entries: for everything, one symbol, or one side of a symbol, until a moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class LockSide(StrEnum):
    """The side whose entries a lock stops."""

    BOTH = "both"
    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Lock:
    """No entries until `until` (exclusive). `symbol` None locks every symbol."""

    until: datetime
    reason: str
    symbol: str | None = None
    side: LockSide = LockSide.BOTH

    def covers(self, symbol: str, side: LockSide, at: datetime) -> bool:
        """Whether an entry of this side is locked; BOTH asks whether every side is."""
        return (
            at < self.until and self.symbol in (None, symbol) and self.side in (LockSide.BOTH, side)
        )

    def covers_all(self, at: datetime) -> bool:
        """Whether entries of every symbol and side are locked."""
        return at < self.until and self.symbol is None and self.side is LockSide.BOTH


class LockBook:
    """The locks in force; a lock ends at its moment and by nothing else."""

    def __init__(self, locks: Iterable[Lock] = ()) -> None:
        self._locks = list(locks)

    def add(self, lock: Lock | None) -> None:
        """Keeps a lock; None, the answer of a rule that locks nothing, is ignored."""
        if lock is not None:
            self._locks.append(lock)

    def locked(self, symbol: str, at: datetime, side: LockSide = LockSide.BOTH) -> Lock | None:
        """The lock that holds longest over this symbol and side, if any does."""
        found = [lock for lock in self._locks if lock.covers(symbol, side, at)]
        return max(found, key=lambda lock: lock.until, default=None)

    def locked_globally(self, at: datetime) -> Lock | None:
        """The longest lock of all entries that is in force at `at`, or None."""
        found = [lock for lock in self._locks if lock.covers_all(at)]
        return max(found, key=lambda lock: lock.until, default=None)

    def drop_expired(self, at: datetime) -> None:
        """Forgets every lock that has ended at `at`."""
        self._locks = [lock for lock in self._locks if at < lock.until]


def end_of_candle(moment: datetime, candle: timedelta) -> datetime:
    """The end of the candle that contains the moment; candles count from midnight UTC."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((moment - midnight) // candle + 1) * candle


def next_time_of_day(after: datetime, hour: int, minute: int = 0) -> datetime:
    """The next such time of day strictly after a moment, in the moment's own zone."""
    today = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today if today > after else today + timedelta(days=1)
