"""How circuit breakers trip and recover: the section `breakers`, and what it adds to others.

The gate reads none of these keys. The evaluator in `bot/safety/breakers/` does.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from config.declaration import HIGHER, LOWER, limit


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When breakers trip, what drawdown does by tiers, and how a breaker recovers."""

    SECTION: ClassVar[str] = "breakers"

    auto_recovery: bool = limit(
        False,
        "",
        "Breakers recover by themselves after a wait, in steps of growing size. Never in "
        "production.",
        LOWER,
        at="circuit_breakers.auto_recovery",
    )
    max_execution_failure_rate: float = limit(
        0.2,
        "share of child orders",
        "The part of the recent child orders that may fail. The limit itself trips.",
        LOWER,
        at="circuit_breakers.max_execution_failure_rate",
        above=0,
        high=1,
    )
    recovery_wait_seconds: float = limit(
        300.0, "seconds", "How long a breaker stays tripped before it may recover.", HIGHER, low=0
    )
    recovery_step_seconds: float = limit(
        60.0,
        "seconds",
        "How long each step of a recovery lasts: 10, 25 and 50 % of the size.",
        HIGHER,
        above=0,
    )
    reset_to_full_size: bool = limit(
        False,
        "",
        "A person's reset gives the scope back at full size where no login is needed. Elsewhere, "
        "and where false, the ladder of `recovery` begins.",
        LOWER,
    )
    escalate_after_trips: int | None = limit(
        3,
        "trips within 24 hours",
        "So many trips of one breaker of the account cause the emergency stop.",
        LOWER,
        low=1,
    )
    escalate_after_minutes: float | None = limit(
        60.0,
        "minutes",
        "A breaker of the account that stays tripped for so long causes the emergency stop.",
        LOWER,
        above=0,
    )
    yellow_drawdown_use: Decimal = limit(
        Decimal("0.5"),
        "share of the drawdown limit",
        "From this drawdown on the size is halved.",
        LOWER,
        above=0,
        high=1,
        at_most="breakers.orange_drawdown_use",
    )
    orange_drawdown_use: Decimal = limit(
        Decimal("0.75"),
        "share of the drawdown limit",
        "From this drawdown on only reducing is allowed.",
        LOWER,
        above=0,
        high=1,
    )
    drawdown_hysteresis: Decimal = limit(
        Decimal("0.8"),
        "share of the tier's threshold",
        "A tier ends when both drawdowns are below this part of its threshold.",
        LOWER,
        above=0,
        high=1,
    )
    drawdown_half_life_seconds: float = limit(
        30.0,
        "seconds",
        "The half-life of the smoothed drawdown. A tier begins when the smaller of raw and "
        "smoothed drawdown reaches it.",
        LOWER,
        above=0,
    )
    volatility_window_minutes: int = limit(
        15, "minutes", "The short window of the volatility breaker.", LOWER, low=5, high=120
    )
    volatility_release: float = limit(
        0.5,
        "share of volatility_spike_multiplier",
        "A tripped breaker of volatility is over below this share of its limit. Half of it is a "
        "volatility that nine of ten minutes have.",
        LOWER,
        above=0,
        high=1,
    )
    max_correlation_shift: float = limit(
        0.3,
        "correlation",
        "The average change of the pairs' correlations against their history. The limit itself "
        "trips.",
        LOWER,
        above=0,
        high=2,
    )
    correlation_release: float = limit(
        0.8,
        "share of max_correlation_shift",
        "A tripped breaker of correlations is over below this share of its limit.",
        LOWER,
        above=0,
        high=1,
    )
    execution_window_minutes: float = limit(
        15.0, "minutes", "The window of the execution breaker.", above=0
    )
    failure_sample: int = limit(
        10, "child orders", "Fewer say nothing about the part that fails.", LOWER, low=1
    )
    max_data_silence_seconds: float = limit(
        30.0,
        "seconds",
        "How long a symbol's market may be stale, crossed or implausible before its breaker trips.",
        LOWER,
        above=0,
    )
    stop_guard_stops: int | None = limit(
        3, "losing stop exits", "So many within the window lock all entries.", LOWER, low=1
    )
    stop_guard_window_minutes: float = limit(
        60.0, "minutes", "The window of the stop-loss guard.", HIGHER, above=0
    )
    stop_guard_lock_minutes: float = limit(
        40.0,
        "minutes",
        "How long the stop-loss guard locks, from the newest stop on.",
        HIGHER,
        above=0,
    )
    cooldown_minutes: float | None = limit(
        None,
        "minutes",
        "How long a symbol is locked after one of its trades has closed. Off by default.",
        HIGHER,
        above=0,
    )
    low_profit_trades: int | None = limit(
        None,
        "closed trades",
        "From so many on a symbol or a side is locked when they sum to too little. Off by default.",
        LOWER,
        low=1,
    )
    low_profit_required: Decimal = limit(
        Decimal(0), "share of the stake", "The least sum of those trades' results.", HIGHER
    )
    low_profit_window_minutes: float = limit(
        400.0, "minutes", "The window of the low-profit lock.", HIGHER, above=0
    )
    low_profit_lock_minutes: float = limit(
        60.0,
        "minutes",
        "How long the low-profit lock lasts, from the newest trade on.",
        HIGHER,
        above=0,
    )
    churn_turnover: Decimal | None = limit(
        Decimal(3),
        "multiple of equity",
        "The turnover of one strategy in one symbol within the window from which churn is judged.",
        LOWER,
        above=0,
    )
    churn_ratio: Decimal = limit(
        Decimal(10),
        "ratio of turnover to net change",
        "A strategy that turns over so many times its net change is locked.",
        LOWER,
        above=1,
    )
    churn_window_minutes: float = limit(
        10.0, "minutes", "The window of the churn breaker.", HIGHER, above=0
    )
