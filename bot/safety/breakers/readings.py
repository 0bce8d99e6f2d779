"""What a condition of a breaker has measured, and what follows from it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.state.breakers import BreakerScope, Finding
from models.enums import BreakerAction, CircuitBreakerType

_LONGEST_STEP = 15.0
"""The most seconds that one look counts: three times the time between two looks."""


def seconds_between(last: datetime, now: datetime) -> float:
    """The seconds from one look to the next, within reason: a clock that jumps adds nearly
    nothing."""
    return min(max(0.0, (now - last).total_seconds()), _LONGEST_STEP)


class BreakerKind(StrEnum):
    """The kinds of breaker that the evaluator judges; stored, so never renamed."""

    DAILY_LOSS = CircuitBreakerType.DAILY_LOSS_LIMIT.value
    VOLATILITY = CircuitBreakerType.VOLATILITY_SPIKE.value
    CORRELATION = CircuitBreakerType.CORRELATION_BREAKDOWN.value
    EXECUTION = CircuitBreakerType.EXECUTION_FAILURE_RATE.value
    DATA = CircuitBreakerType.DATA_QUALITY_ISSUE.value
    STREAK = "consecutive_losses"
    DRAWDOWN = "drawdown"
    STOP_GUARD = "stop_loss_guard"
    COOLDOWN = "cooldown"
    LOW_PROFIT = "low_profit"
    LOW_PROFIT_LONG = "low_profit_long"
    LOW_PROFIT_SHORT = "low_profit_short"
    CHURN = "churn"


@dataclass(frozen=True, slots=True)
class BreakerReading:
    """One condition as seen now. A value of None is unmeasured: it neither trips nor clears."""

    kind: BreakerKind
    scope: BreakerScope
    value: str | None
    limit: str
    window: str
    breached: bool
    reason: str = ""
    action: BreakerAction = BreakerAction.REDUCE_ONLY
    until: datetime | None = None
    memory: dict[str, Any] | None = None
    clears: bool = True
    """Whether the condition may be taken as over when it is not breached any more; a count of past
    events is over when the wait is."""
    over: bool | None = None
    """Whether a tripped breaker's condition is over. None: as soon as it is not breached. A breaker
    with hysteresis says it by a stricter threshold."""

    @property
    def is_over(self) -> bool:
        """Whether a tripped breaker's condition is over."""
        return not self.breached if self.over is None else self.over

    def finding(self) -> Finding:
        """The trip that a breached reading causes."""
        return Finding(
            kind=self.kind,
            value=self.value or "",
            limit=self.limit,
            reason=self.reason,
            scope=self.scope,
            window=self.window,
            action=self.action,
            until=self.until,
            memory=self.memory,
        )
