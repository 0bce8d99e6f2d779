"""The sensors behind the lease to trade: one table of what must be fresh, how fresh, and else what.

A reading that is missing, late, from the future or a fault withholds the lease. Nothing here asks a
server: `bot.safety.lease.sensing` reads, and this module judges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from config.keys.lease import LeaseRules
from models.documents.lease import Consequence, Judged

FUTURE_SECONDS = 2.0
"""The most that the clocks of feed, workers and Postgres may differ. A reading from further ahead
has no age."""


AUDIT_UNWRITABLE = "the audit can't be written"
"""How the fault of an audit begins that takes no entry. Every other fault of it is a change."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One thing that must be known before anything adds risk."""

    name: str
    meaning: str
    deadline: Callable[[LeaseRules], float]
    """The largest age of its reading in seconds."""
    consequence: Consequence = Consequence.NOT_RENEWED


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a sensor."""

    age_seconds: float | None = None
    """The age of what it shows; None is missing, which is never fine."""
    fault: str | None = None
    """What is wrong although something was read; None when nothing is."""


SENSORS: tuple[Sensor, ...] = (
    Sensor("market", "the market view of each traded symbol", lambda rules: rules.market_seconds),
    Sensor(
        "account_stream",
        "the live stream of the account",
        lambda rules: rules.account_stream_seconds,
    ),
    Sensor("equity", "the newest reading of the wallet", lambda rules: rules.equity_seconds),
    Sensor("reconciliation", "the last reconciliation", lambda rules: rules.reconciliation_seconds),
    Sensor("breakers", "the last evaluation of the breakers", lambda rules: rules.breakers_seconds),
    Sensor("beat", "beat's last tick", lambda rules: rules.beat_seconds),
    Sensor(
        "audit",
        "an audit that can be written, and is verified up to a recent entry",
        lambda rules: rules.audit_seconds,
        Consequence.TAKEN_BACK,
    ),
    Sensor(
        "audit_log",
        "a place in the audit log for every entry, and a witness that doesn't refuse the log",
        lambda rules: rules.unsequenced_seconds,
    ),
    Sensor(
        "clock",
        "Postgres' clock and the exchange's beside this machine's",
        lambda rules: rules.clock_seconds,
    ),
    Sensor(
        "halt_journal",
        "no halt that Postgres doesn't know yet",
        lambda _rules: 0.0,
        Consequence.TAKEN_BACK,
    ),
)
"""Every required sensor, in the order in which it is shown."""


def judge(readings: Mapping[str, Reading], rules: LeaseRules) -> tuple[Judged, ...]:
    """Every sensor with its result. A sensor without a reading is missing."""
    return tuple(
        Judged(
            sensor.name,
            sensor.meaning,
            reading.age_seconds,
            sensor.deadline(rules),
            sensor.consequence,
            _problem(reading, sensor.deadline(rules)),
        )
        for sensor in SENSORS
        for reading in (readings.get(sensor.name, Reading()),)
    )


def faults(judged: Sequence[Judged]) -> tuple[Judged, ...]:
    """Those that withhold the lease; none while all are fresh."""
    return tuple(each for each in judged if each.problem is not None)


def sentence(found: Sequence[Judged]) -> str:
    """Why the lease is withheld, in one line; empty when nothing withholds it."""
    return "; ".join(f"{each.name}: {each.problem}" for each in faults(found))


def oldest(ages: Sequence[float | None]) -> float | None:
    """The age of the oldest of several things; None when one is missing, or there is none."""
    known = [age for age in ages if age is not None]
    return max(known) if known and len(known) == len(ages) else None


def _problem(reading: Reading, deadline: float) -> str | None:
    if reading.fault is not None:
        return reading.fault
    age = reading.age_seconds
    if age is None or not isfinite(age):
        return "missing"
    if age < -FUTURE_SECONDS:
        return f"from the future by {-age:.1f} s"
    if age > deadline:
        return f"{age:.1f} s old, at most {deadline:g} s are allowed"
    return None
