"""How approved trades may be worked: the section `working`.

These rules deny no trade. They bound how an approved trade reaches the market.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from config.declaration import HIGHER, LOWER, limit
from config.vocabulary import Algorithm, BackupStep

AUTO = "auto"
_STEPS = tuple(BackupStep)


@dataclass(frozen=True, slots=True)
class WorkingRules:
    """The rules for working trades. Shares, sizes and speeds are Decimal, measures of the market
    float."""

    SECTION: ClassVar[str] = "working"

    max_catch_up: Decimal = limit(
        Decimal("3.0"),
        "planned slices",
        "How much late work goes out in one interval at most. Under 2, late slices wait for the "
        "plan's end.",
        LOWER,
        low=1,
    )
    participation_cap: Decimal | None = limit(
        Decimal("0.1"),
        "share of the market's volume since the parent's start",
        "The largest part that a parent order trades. Null means no cap.",
        LOWER,
        above=0,
        high=1,
    )
    orders_per_second: int = limit(
        10,
        "order writes per second",
        "How many orders all parents of one account send at most. Cancels do not count.",
        LOWER,
        low=1,
    )
    exit_reserve: int = limit(
        2,
        "order writes per second",
        "How many of `orders_per_second` are kept for orders that only reduce.",
        HIGHER,
        low=0,
        at_most="working.orders_per_second",
    )

    # The price bound of exits: see `bot.execution.sending.price_bound`.
    exit_slippage_bps: float = limit(
        100.0,
        "bps",
        "How far beyond the touch an exit may trade. An attempt that finds too little doubles it.",
        above=0,
        high=2000,
        at_most="working.exit_widest_bps",
    )
    exit_widest_bps: float = limit(
        500.0,
        "bps",
        "The widest bound of an exit where the venue's price band is not known.",
        above=0,
        high=5000,
    )

    # The choice of the algorithm: see `bot.execution.policy.algorithm_choice`.
    default_algorithm: Algorithm | None = limit(
        None,
        "",
        "The algorithm of a trade whose strategy names none. With auto a rule chooses.",
        choices=(AUTO, *Algorithm),
        none=AUTO,
    )
    urgent_confidence: float = limit(
        0.9, "probability", "From this confidence on a signal is urgent.", low=0.5, high=1
    )
    immediate_depth_share: Decimal = limit(
        Decimal("0.2"),
        "share of the near depth",
        "An order up to this size is taken at once: it hardly moves the price.",
        low=0,
        high=1,
        at_most="working.urgent_depth_share",
    )
    urgent_depth_share: Decimal = limit(
        Decimal("0.4"),
        "share of the near depth",
        "An urgent order up to this size is taken at once.",
        low=0,
        high=1,
    )
    passive_spread_bps: float = limit(
        2.0, "bps", "From this spread on an order that is not urgent rests first.", low=0
    )
    calm_volatility_ratio: float = limit(
        1.2,
        "ratio to the baseline",
        "Up to this volatility the market is calm, and waiting costs little.",
        above=0,
    )
    pov_adv_share: Decimal = limit(
        Decimal("0.001"),
        "share of a day's volume",
        "From this size on trades follow the volume. The market trades a thousandth of a day's "
        "volume in a minute and a half.",
        above=0,
        high=1,
    )
    iceberg_depth_share: Decimal = limit(
        Decimal("1.0"), "share of the near depth", "From this size on the size is hidden.", above=0
    )

    # The throttle of orders that add risk: see `bot.execution.policy.throttle`.
    slow_volatility_ratio: float = limit(
        1.5,
        "ratio to the baseline",
        "From this volatility on slices go out more slowly.",
        LOWER,
        above=1,
        at_most="working.pause_volatility_ratio",
    )
    pause_volatility_ratio: float = limit(
        2.5,
        "ratio to the baseline",
        "From this volatility on no slice that adds risk goes out.",
        LOWER,
        above=1,
    )
    shrink_spread_bps: float = limit(
        10.0,
        "bps",
        "From this spread on slices are smaller.",
        LOWER,
        above=0,
        at_most="working.pause_spread_bps",
    )
    pause_spread_bps: float = limit(
        20.0, "bps", "From this spread on no slice that adds risk goes out.", LOWER, above=0
    )
    shrink_depth_share: Decimal = limit(
        Decimal("0.25"),
        "share of the near depth",
        "From this open rest of a parent on slices are smaller.",
        LOWER,
        above=0,
    )
    slow_drawdown_use: float = limit(
        0.5,
        "share of the drawdown limit",
        "From this drawdown on slices go out more slowly.",
        LOWER,
        above=0,
        high=1,
        at_most="working.pause_drawdown_use",
    )
    pause_drawdown_use: float = limit(
        0.9,
        "share of the drawdown limit",
        "From this drawdown on no slice that adds risk goes out.",
        LOWER,
        above=0,
        high=1,
    )
    hysteresis: float = limit(
        0.2,
        "share of the threshold",
        "A condition of the throttle ends this far under its threshold.",
        HIGHER,
        low=0,
        high=0.9,
    )
    min_pace_seconds: float = limit(
        5.0, "seconds", "The time before a throttle is eased.", HIGHER, low=0
    )
    slow_speed: Decimal = limit(
        Decimal("0.5"),
        "share of the planned speed",
        "The speed of slowed slices.",
        LOWER,
        above=0,
        high=1,
    )
    shrink_size: Decimal = limit(
        Decimal("0.5"),
        "share of the planned size",
        "The size of smaller slices.",
        LOWER,
        above=0,
        high=1,
    )
    hurry_speed: Decimal = limit(
        Decimal("2.0"),
        "multiple of the planned speed",
        "The speed of exits while the market or the account is under stress.",
        low=1,
    )

    # The fallback steps by class of failure, in the order in which they are tried. After the last
    # one the parent stops and people are alerted.
    backup_throttled: tuple[str, ...] = limit(
        ("retry",), "", "The steps after the venue's rate limit.", choices=_STEPS
    )
    backup_price: tuple[str, ...] = limit(
        ("retry", "reduce_size", "stop_and_alert"),
        "",
        "The steps after a price that the venue refused.",
        choices=_STEPS,
    )
    backup_no_liquidity: tuple[str, ...] = limit(
        ("retry", "retry", "reduce_size", "other_algorithm", "stop_and_alert"),
        "",
        "The steps after little or no fill.",
        choices=_STEPS,
    )
    backup_timeout: tuple[str, ...] = limit(
        ("retry", "stop_and_alert"), "", "The steps after no answer in time.", choices=_STEPS
    )
    backup_margin: tuple[str, ...] = limit(
        ("reduce_size", "reduce_size", "stop_and_alert"),
        "",
        "The steps after too little margin.",
        choices=_STEPS,
    )
    backup_rejected: tuple[str, ...] = limit(
        ("retry", "stop_and_alert"), "", "The steps after any other refusal.", choices=_STEPS
    )
    max_retries: int = limit(
        3,
        "attempts",
        "How often an order that adds risk is tried again as it is, for each class of failure and "
        "until a fill. A fallback policy's further `retry` steps are left out.",
        LOWER,
        at="execution.max_retries",
        low=0,
    )
    timeout_seconds: float = limit(
        30.0,
        "seconds",
        "An order that adds risk and that the exchange has not confirmed within this time of its "
        "first sending counts as failed, once the exchange proves that it was not taken. The steps "
        "of `working.backup_timeout` follow.",
        LOWER,
        at="execution.timeout_seconds",
        above=0,
    )
    backup_max_slippage: Decimal = limit(
        Decimal("0.01"),
        "share of the price",
        "The largest slippage that the fallback step market_order_fallback accepts for an order "
        "that adds risk: from the touch, and from the decision's price.",
        LOWER,
        at="execution.backup_max_slippage",
        above=0,
        high=1,
    )
    cancel_on_risk_increase: bool = limit(
        False,
        "",
        "A tightened limit ends parents that add risk instead of slowing them.",
        HIGHER,
    )
    foreign_orders_stop_entries: bool = limit(
        True,
        "",
        "Orders of others on the account are an external halt: they stop entries until a person "
        "resets the breaker external_halt. Without it they are reported only.",
        HIGHER,
    )
