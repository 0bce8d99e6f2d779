"""Keys of the original interface that are no limits of the gate."""

from dataclasses import dataclass
from typing import ClassVar

from config.declaration import HIGHER, LOWER, limit


@dataclass(frozen=True, slots=True)
class InterfaceKeys:
    """Files of the original interface set these keys, so they load. Most are not enforced yet."""

    SECTION: ClassVar[str] = ""

    # Read by `bot.risk.manager` alone.
    min_model_performance: float = limit(
        0.4,
        "share of predictions",
        "The notebook's manager trips a breaker when fewer of the recent predictions were right.",
        HIGHER,
        at="circuit_breakers.min_model_performance",
        low=0,
        high=1,
    )
    max_execution_failure_rate: float = limit(
        0.2,
        "share of child orders",
        "The notebook's manager trips a breaker when this part of the recent child orders failed.",
        LOWER,
        at="circuit_breakers.max_execution_failure_rate",
        above=0,
        high=1,
    )

    auto_recovery: bool = limit(
        False,
        "",
        "Breakers re-arm by themselves after their cooldown.",
        LOWER,
        at="circuit_breakers.auto_recovery",
        reserved=True,
    )
    max_position_drawdown: float = limit(
        0.2,
        "share of the best value",
        "A position that falls this far from its best value halts trading.",
        LOWER,
        at="emergency_stops.max_position_drawdown",
        above=0,
        high=1,
        reserved=True,
    )
    manual_recovery_required: bool = limit(
        True,
        "",
        "Only an authorised person ends a halt.",
        HIGHER,
        at="emergency_stops.manual_recovery_required",
        reserved=True,
    )
    check_interval_seconds: float = limit(
        30.0,
        "seconds",
        "The time between two looks at every position.",
        LOWER,
        at="position_monitoring.check_interval_seconds",
        above=0,
        reserved=True,
    )
    stop_loss: float = limit(
        0.05,
        "share of the entry value",
        "A position that has lost this much is closed.",
        LOWER,
        at="position_monitoring.stop_loss",
        above=0,
        high=1,
        reserved=True,
    )
    take_profit: float = limit(
        0.15,
        "share of the entry value",
        "A position that has gained this much is closed.",
        at="position_monitoring.take_profit",
        above=0,
        reserved=True,
    )
    alert_threshold: float = limit(
        0.03,
        "share of the entry value",
        "People are alerted when a position has lost this much.",
        LOWER,
        at="position_monitoring.alert_threshold",
        above=0,
        high=1,
        at_most="position_monitoring.stop_loss",
        reserved=True,
    )
    max_holding_hours: float = limit(
        24.0,
        "hours",
        "A position that has been open for so long is closed.",
        LOWER,
        at="position_monitoring.max_holding_hours",
        above=0,
        reserved=True,
    )
    confidence_drop: float = limit(
        0.3,
        "share of the confidence at entry",
        "A position is closed when the model's confidence has fallen by this much.",
        LOWER,
        at="position_monitoring.confidence_drop",
        above=0,
        high=1,
        reserved=True,
    )
    timeout_seconds: float = limit(
        30.0,
        "seconds",
        "An order that is not answered within this time counts as failed.",
        LOWER,
        at="execution.timeout_seconds",
        above=0,
        reserved=True,
    )
    max_retries: int = limit(
        3,
        "attempts",
        "How often a child order is tried again at most.",
        LOWER,
        at="execution.max_retries",
        low=0,
        reserved=True,
    )
    backup_max_slippage: float = limit(
        0.01,
        "share of the price",
        "The largest slippage that a fallback step accepts.",
        LOWER,
        at="execution.backup_max_slippage",
        above=0,
        high=1,
        reserved=True,
    )
