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
