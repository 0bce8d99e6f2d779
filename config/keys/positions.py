"""How open positions are watched: the section `position_monitoring`.

These rules deny no trade. They say when a position is closed, when people are alerted, and what
rests at the exchange to protect it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from config.declaration import HIGHER, LOWER, limit

ENTRY_VALUE = "share of the entry value"


@dataclass(frozen=True, slots=True)
class PositionRules:
    """The rules for open positions. Prices are compared with the exchange's mark price."""

    SECTION: ClassVar[str] = "position_monitoring"

    max_position_drawdown: Decimal = limit(
        Decimal("0.2"),
        "share of the best value",
        "A position that falls this far from its best value halts trading.",
        LOWER,
        at="emergency_stops.max_position_drawdown",
        above=0,
        high=1,
    )
    check_interval_seconds: float = limit(
        30.0,
        "seconds",
        "The time between two looks at every position. The prices are looked at every two seconds.",
        LOWER,
        above=0,
    )
    stop_loss: Decimal = limit(
        Decimal("0.05"),
        ENTRY_VALUE,
        "A position that has lost this much is closed.",
        LOWER,
        above=0,
        high=1,
    )
    take_profit: Decimal = limit(
        Decimal("0.15"), ENTRY_VALUE, "A position that has gained this much is closed.", above=0
    )
    trailing_stop: Decimal | None = limit(
        None,
        "share of the best price",
        "A position whose price has fallen this far from its best one is closed. Null means never.",
        LOWER,
        above=0,
        high=1,
    )
    alert_threshold: Decimal = limit(
        Decimal("0.03"),
        ENTRY_VALUE,
        "People are alerted when a position has lost this much.",
        LOWER,
        above=0,
        high=1,
        at_most="position_monitoring.stop_loss",
    )
    max_holding_hours: float = limit(
        24.0, "hours", "A position that has been open for so long is closed.", LOWER, above=0
    )
    confidence_drop: float = limit(
        0.3,
        "share of the confidence at entry",
        "A position is closed when the model's confidence has fallen by this much.",
        LOWER,
        above=0,
        high=1,
    )
    protective_stops: bool = limit(
        True,
        "",
        "A reduce-only stop order rests at the exchange for every open position.",
        HIGHER,
    )
    stop_confirm_seconds: float = limit(
        3.0,
        "seconds",
        "A stop that the exchange does not list after this time has failed; the position is "
        "closed and entries stop.",
        LOWER,
        above=0,
    )
    stop_fill_seconds: float = limit(
        5.0,
        "seconds",
        "A position that is still open so long after the mark reached its stop is closed by an "
        "exit of our own.",
        LOWER,
        above=0,
    )
