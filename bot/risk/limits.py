"""The gate's limits, out of a checked configuration; `config.limits` declares each of them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from config.declaration import declarations, from_file
from config.limits import DEFAULT_HARD_CAPS, RiskLimits

if TYPE_CHECKING:
    from config.thresholds import MLRiskConfig

__all__ = [
    "DEFAULT_HARD_CAPS",
    "GATE_LIMITS",
    "SIZE_CAPS",
    "SOFT_CHECKS",
    "RiskLimits",
    "config_path_of",
    "limits_from_config",
]

SIZE_CAPS = frozenset(
    {
        "adv_share",
        "correlated_exposure",
        "depth",
        "flip",
        "free_margin",
        "gross_exposure",
        "impact",
        "leverage",
        "max_notional",
        "max_qty",
        "net_exposure",
        "order_notional",
        "position_size",
        "reservation_share",
        "slippage",
        "strategy_exposure",
        "strategy_trade",
        "trade_risk",
    }
)
"""The checks that limit size rather than forbid."""
SOFT_CHECKS = SIZE_CAPS - {"flip"} | {
    *("correlated_positions", "open_positions", "daily_loss", "rolling_loss", "drawdown"),
    *("consecutive_losses", "order_rate", "repeated_orders", "volatility_regime", "spread"),
    *("mark_deviation", "index_deviation", "funding", "slices", "uncertainty"),
}
"""The checks whose limit may have a soft level: a number that must not be exceeded."""

_PATHS = {each.name: each.path for each in declarations(RiskLimits)}
GATE_LIMITS = tuple(_PATHS)
"""Every limit that a check or a factor of the gate reads."""


def config_path_of(limit: str) -> str:
    """The `section.key` that sets a limit, for messages about it; KeyError for no limit."""
    return _PATHS[limit]


def limits_from_config(config: "MLRiskConfig") -> RiskLimits:
    """The gate's limits out of a checked configuration; ValueError for an unknown check."""
    _refuse_unknown("gate.soft_checks", config.gate.soft_checks, SOFT_CHECKS)
    _refuse_unknown("gate.hard_caps", config.gate.hard_caps, SIZE_CAPS)
    return from_file(RiskLimits, config.value)


def _refuse_unknown(key: str, named: Iterable[str], known: frozenset[str]) -> None:
    unknown = sorted(set(named) - known)
    if unknown:
        raise ValueError(f"{key} names {', '.join(unknown)}; known: {', '.join(sorted(known))}")
