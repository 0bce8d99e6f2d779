"""The six circuit breakers of the original interface, as pure conditions over readings.

A breaker trips on what was measured. A reading that is missing is never fine either: in a running
system the lease to trade is withheld while equity, markets or the evaluation itself are missing
(`bot.safety.lease.sensors`), and the gate's own checks are UNKNOWN, which denies entries."""

from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from models.enums import CircuitBreakerType


@dataclass(frozen=True, slots=True)
class Trip:
    """A breaker that has to trip: its kind, its reason, and the numbers behind it."""

    kind: CircuitBreakerType
    reason: str
    value: Decimal | float | None = None
    limit: Decimal | float | None = None


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When each breaker trips; shares are fractions, the limit itself trips."""

    daily_loss: float = 0.03
    volatility_ratio: float = 3.0
    model_performance: float = 0.4
    correlation_shift: float = 0.3
    """Average change of a pair's correlation against its baseline."""
    execution_failure_rate: float = 0.2
    min_executions: int = 10
    """The least number of recent orders that say something about a rate."""
    min_outcomes: int = 20
    """The least number of judged predictions that say something about a hit rate."""
    max_data_age_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Readings:
    """The readings of the breakers. None means missing: it names no breaker, and clears none."""

    daily_loss: float | None = None
    """Lost share of the day's first equity; gains are negative."""
    volatility_ratio: float | None = None
    hit_rate: float | None = None
    outcomes: int = 0
    correlation_shift: float | None = None
    failures: int = 0
    executions: int = 0
    data_age_seconds: float | None = None
    data_problem: str | None = None


def trips(readings: Readings, limits: BreakerLimits) -> tuple[Trip, ...]:
    """Every breaker that these readings trip, in the order of the original interface's list."""
    kind = CircuitBreakerType
    found = [
        _above(kind.DAILY_LOSS_LIMIT, "daily loss", readings.daily_loss, limits.daily_loss),
        _above(
            kind.VOLATILITY_SPIKE,
            "volatility over its baseline",
            readings.volatility_ratio,
            limits.volatility_ratio,
        ),
        _model(readings, limits),
        _above(
            kind.CORRELATION_BREAKDOWN,
            "shift of correlations",
            readings.correlation_shift,
            limits.correlation_shift,
        ),
        _failures(readings, limits),
        _data(readings, limits),
    ]
    return tuple(trip for trip in found if trip is not None)


def _above(kind: CircuitBreakerType, what: str, value: float | None, limit: float) -> Trip | None:
    if value is None:
        return None
    if not isfinite(value):
        return Trip(CircuitBreakerType.DATA_QUALITY_ISSUE, f"{what} of {value!r} is unreadable")
    if value < limit:
        return None
    return Trip(kind, f"{what} {value:.4f} reached {limit:g}", value, limit)


def _model(readings: Readings, limits: BreakerLimits) -> Trip | None:
    rate = readings.hit_rate
    if rate is None or readings.outcomes < limits.min_outcomes:
        return None
    if isfinite(rate) and rate >= limits.model_performance:
        return None
    return Trip(
        CircuitBreakerType.MODEL_PERFORMANCE_DEGRADED,
        f"hit rate {rate:.4f} of {readings.outcomes} predictions is below "
        f"{limits.model_performance:g}",
        rate,
        limits.model_performance,
    )


def _failures(readings: Readings, limits: BreakerLimits) -> Trip | None:
    if readings.executions < max(1, limits.min_executions):
        return None
    rate = readings.failures / readings.executions
    if rate < limits.execution_failure_rate:
        return None
    return Trip(
        CircuitBreakerType.EXECUTION_FAILURE_RATE,
        f"{readings.failures} of {readings.executions} recent orders failed",
        rate,
        limits.execution_failure_rate,
    )


def _data(readings: Readings, limits: BreakerLimits) -> Trip | None:
    if readings.data_problem is not None:
        return Trip(CircuitBreakerType.DATA_QUALITY_ISSUE, readings.data_problem)
    age = readings.data_age_seconds
    if age is None or age <= limits.max_data_age_seconds:
        return None
    return Trip(
        CircuitBreakerType.DATA_QUALITY_ISSUE,
        f"market data is {age:.1f} s old",
        age,
        limits.max_data_age_seconds,
    )
