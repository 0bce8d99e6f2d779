"""How old the readings behind the lease to trade may be: the section `trading_lease`.

The bounds are far beyond what a busy machine needs, and short enough that nothing trades for long
on what nobody watches.
"""

from dataclasses import dataclass
from typing import ClassVar

from config.declaration import LOWER, limit


@dataclass(frozen=True, slots=True)
class LeaseRules:
    """The deadline of each sensor in seconds. `bot.safety.lease.sensors` has the sensors."""

    SECTION: ClassVar[str] = "trading_lease"

    market_seconds: float = limit(
        30.0,
        "s",
        "The largest age of the market view of each traded symbol.",
        LOWER,
        above=0,
        high=300,
    )
    account_stream_seconds: float = limit(
        30.0,
        "s",
        "The largest age of the feed's sign that the account stream is live.",
        LOWER,
        low=10,
        high=300,
    )
    equity_seconds: float = limit(
        60.0, "s", "The largest age of the newest reading of the wallet.", LOWER, low=5, high=600
    )
    reconciliation_seconds: float = limit(
        180.0, "s", "The largest age of the last reconciliation.", LOWER, low=30, high=1800
    )
    breakers_seconds: float = limit(
        60.0, "s", "The largest age of the last evaluation of the breakers.", LOWER, low=5, high=600
    )
    beat_seconds: float = limit(
        30.0, "s", "The largest age of beat's last tick.", LOWER, low=5, high=300
    )
    audit_seconds: float = limit(
        60.0,
        "s",
        "The largest age of an audit entry that the safety process has not verified.",
        LOWER,
        low=5,
        high=600,
    )
    unsequenced_seconds: float = limit(
        5.0,
        "s",
        "The longest time for which an audit entry may wait for its place in the audit log.",
        LOWER,
        low=3,
        high=300,
    )
    clock_seconds: float = limit(
        2.0,
        "s",
        "The largest difference between this machine's clock and Postgres' clock.",
        LOWER,
        above=0,
        high=10,
    )
