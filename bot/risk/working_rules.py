"""How approved trades may be worked: the section `working` of the configuration, typed.

Nothing here makes the gate say no; it bounds how what was approved reaches the market.
"""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_type_hints

from models.enums import Algorithm

if TYPE_CHECKING:
    from config.sections import Working


@dataclass(frozen=True, slots=True)
class WorkingRules:
    """Shares, sizes and speeds are Decimal, measures of the market float.

    Defaults are the base values of `config/ml_risk_config.yaml`.
    """

    default_algorithm: Algorithm | None = None
    """Where the strategy names none; None lets the rule of
    `bot.execution.policy.algorithm_choice` choose."""
    max_catch_up: Decimal = Decimal("3.0")
    """How much goes out in one interval while late work is caught up, as a multiple of a planned
    slice; of a stepped VWAP, in one child. Under 2, late slices wait for the plan's end."""
    participation_cap: Decimal | None = Decimal("0.1")
    """Of the volume that the market traded since the parent's start; None: no cap."""
    orders_per_second: int = 10
    """Order writes of one account, all its parents together; cancels don't count."""
    exit_reserve: int = 2
    """Of these writes, kept for what only reduces."""

    # The bound of what only reduces: see `bot.execution.sending.price_bound`.
    exit_slippage_bps: float = 100.0
    """Beyond the touch of each attempt; an attempt that finds too little doubles it."""
    exit_widest_bps: float = 500.0
    """Of any attempt where the venue's price band isn't known, and from the last known price where
    there is no touch."""

    # Which algorithm: see `bot.execution.policy.algorithm_choice`.
    urgent_confidence: float = 0.9
    immediate_depth_share: Decimal = Decimal("0.2")
    """Up to this share of the near depth an order is taken at once: it hardly moves the price."""
    urgent_depth_share: Decimal = Decimal("0.4")
    """The same for a signal that can't wait."""
    passive_spread_bps: float = 2.0
    calm_volatility_ratio: float = 1.2
    pov_adv_share: Decimal = Decimal("0.001")
    """A thousandth of a day's volume is what the market trades in a minute and a half."""
    iceberg_depth_share: Decimal = Decimal("1.0")

    # The pace of what adds risk: see `bot.execution.policy.throttle`.
    slow_volatility_ratio: float = 1.5
    pause_volatility_ratio: float = 2.5
    shrink_spread_bps: float = 10.0
    pause_spread_bps: float = 20.0
    shrink_depth_share: Decimal = Decimal("0.25")
    """What remains of the parent over the near depth."""
    slow_drawdown_use: float = 0.5
    pause_drawdown_use: float = 0.9
    """Shares of `max_drawdown_share` that are used up."""
    hysteresis: float = 0.2
    """A condition ends at its threshold x (1 - hysteresis)."""
    min_pace_seconds: float = 5.0
    """How long a pace lasts before it is eased."""
    slow_speed: Decimal = Decimal("0.5")
    shrink_size: Decimal = Decimal("0.5")
    hurry_speed: Decimal = Decimal("2.0")
    """For exits while the market or the account is under stress."""

    # Names of `models.backup.BackupStep` by failure class, in the order in which they are tried.
    backup_throttled: tuple[str, ...] = ("retry",)
    backup_price: tuple[str, ...] = ("retry", "reduce_size", "stop_and_alert")
    backup_no_liquidity: tuple[str, ...] = (
        "retry",
        "retry",
        "reduce_size",
        "other_algorithm",
        "stop_and_alert",
    )
    backup_timeout: tuple[str, ...] = ("retry", "stop_and_alert")
    backup_margin: tuple[str, ...] = ("reduce_size", "reduce_size", "stop_and_alert")
    backup_rejected: tuple[str, ...] = ("retry", "stop_and_alert")
    cancel_on_risk_increase: bool = False
    """Whether a tighter limit ends a parent that adds risk, instead of slowing it."""


_HINTS = get_type_hints(WorkingRules)


def working_rules_from_config(section: "Working") -> WorkingRules:
    """The rules out of a checked section."""
    return WorkingRules(
        **{f.name: _typed(f.name, getattr(section, f.name)) for f in fields(WorkingRules)}
    )


def _typed(name: str, value: Any) -> Any:
    if name == "default_algorithm":
        return None if value == "auto" else Algorithm(value)
    if value is not None and _HINTS[name] in (Decimal, Decimal | None):
        # The shortest text of the float is what stands in the file.
        return Decimal(repr(value))
    return value
