"""Whether an account has a lease to add risk, as claims and decisions read it.

The safety process renews the lease for seconds at a time (`bot.safety.lease.keeper`). What no row
proves is not allowed: without a lease that stands now nothing adds risk, and exits go on.

Postgres' clock judges the lease. A clock that jumps forward ends it. After a jump backward its
renewal lies in the future, which counts for nothing. `Watch` adds this process's own count of
seconds, so that no step of a clock makes an old renewal young again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.repositories.trading.snapshot_parts import LEASE

_ALONE = text(LEASE)

NEVER = "no safety process has granted a lease to trade yet"


@dataclass(frozen=True, slots=True)
class TradingLease:
    """The stored lease at the moment of a statement. Seconds are by Postgres' clock."""

    epoch: int
    withheld: str
    """Why the safety process has withheld it; empty when it has not."""
    age_seconds: float | None
    """The time since its renewal; None before the first."""
    left_seconds: float | None
    """The time until it ends, negative afterwards."""
    length_seconds: float | None
    """The whole time of one renewal."""

    @property
    def stands(self) -> bool:
        """Whether it allows adding risk now."""
        return problem(self) is None


def problem(lease: TradingLease | None) -> str | None:
    """Why nothing may add risk now; None while the lease stands."""
    if lease is None:
        return NEVER
    age, left = lease.age_seconds, lease.left_seconds
    if age is None or left is None or lease.length_seconds is None:
        return lease.withheld or NEVER
    if age < 0:
        return "the lease to trade was renewed in the future: a clock has been set back"
    if left <= 0:
        if lease.withheld:
            return f"the lease to trade is withheld: {lease.withheld}"
        return f"the lease to trade has lapsed: nobody has renewed it for {age:.0f} s"
    return None


def of_facts(words: Sequence[str], numbers: Sequence[Decimal | None]) -> TradingLease:
    """The lease out of a statement that read it with other rows."""
    epoch, *seconds = numbers
    age, left, length = (None if number is None else float(number) for number in seconds)
    return TradingLease(int(epoch or 0), words[0], age, left, length)


def stored(session: Session, account: str) -> TradingLease | None:
    """The account's lease now; None when it never had one."""
    found = session.execute(_ALONE, {"account": account}).first()
    return None if found is None else of_facts(found[1], found[2])


class Watch:
    """What one process has seen of the lease, by its own monotonic clock.

    A renewal is good for its length from the moment in which this process first saw it, whatever
    the clocks of the machines say.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: tuple[int, object] | None = None
        self._since = 0.0

    def problem(self, lease: TradingLease | None, renewal: object) -> str | None:
        """As `problem`, with this process's memory. `renewal` tells one renewal from the next."""
        now = self._monotonic()
        told = problem(lease)
        if lease is None or told is not None:
            return told
        if self._seen != (lease.epoch, renewal):
            self._seen, self._since = (lease.epoch, renewal), now
        if now - self._since > (lease.length_seconds or 0.0):
            return "the lease to trade has lapsed: its last renewal is older than the clock says"
        return None
