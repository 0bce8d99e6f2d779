"""Every limit of the gate, declared once: default, unit, meaning, stricter direction and bounds.

The sections of the configuration file, its JSON Schema, `mlrisk config show`, the table in
`docs/limits.md` and the direction of a change are derived from these fields. `make schema` writes
the derived files.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from config.declaration import HIGHER, LOWER, limit
from config.keys.alerting import AlertingRules
from config.keys.breakers import BreakerRules
from config.keys.emergency import EmergencyRules
from config.keys.lease import LeaseRules
from config.keys.positions import PositionRules
from config.keys.quotas import QuotaRules
from config.keys.recovery import RecoveryRules
from config.keys.strategies import StrategyRules
from config.keys.working import WorkingRules

EQUITY = "share of equity"

DEFAULT_HARD_CAPS = frozenset(
    {"order_notional", "max_notional", "max_qty", "gross_exposure", "free_margin"}
)
"""The size caps that deny instead of shrinking. An order beyond them is more likely a mistake than
an ambition, or it is a race for the last of a shared budget."""

DEFAULT_SOFT_CHECKS = frozenset(
    {
        *("order_notional", "position_size", "gross_exposure", "net_exposure", "leverage"),
        *("strategy_trade", "strategy_exposure", "correlated_exposure", "trade_risk"),
        *("daily_loss", "rolling_loss", "drawdown"),
    }
)
"""The limits on size and on losses. Those on ages and rates come near in any busy minute."""


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The limits of one decision. Scores are floats in [0, 1]; money and shares are Decimal.

    None switches a limit off where its type allows it.
    """

    SECTION: ClassVar[str] = "gate"

    # Model: the requirements on a prediction's own figures.
    min_confidence: float = limit(
        0.6,
        "probability",
        "The least confidence of a prediction.",
        HIGHER,
        at="ml_risk_thresholds.min_confidence",
        low=0,
        high=1,
        at_most="gate.full_size_confidence",
    )
    max_uncertainty: float = limit(
        0.4,
        "score",
        "The largest uncertainty of a prediction.",
        LOWER,
        at="ml_risk_thresholds.max_uncertainty",
        low=0,
        high=1,
    )
    min_ensemble_agreement: float = limit(
        0.7,
        "share of members",
        "The smallest part of the ensemble's members that agree.",
        HIGHER,
        at="ml_risk_thresholds.min_ensemble_agreement",
        low=0,
        high=1,
    )
    min_prediction_stability: float = limit(
        0.6,
        "score",
        "The least stability of a prediction.",
        HIGHER,
        at="ml_risk_thresholds.min_prediction_stability",
        low=0,
        high=1,
    )
    min_feature_importance: float = limit(
        0.3,
        "share of the prediction",
        "The smallest part that the three strongest features explain.",
        HIGHER,
        at="ml_risk_thresholds.min_feature_importance",
        low=0,
        high=1,
    )
    min_explained_features: int = limit(
        1, "features", "How many features carry a prediction at least.", HIGHER, low=1
    )
    max_prediction_age_seconds: float = limit(
        60.0, "seconds", "The longest time from a prediction to its decision.", LOWER, above=0
    )
    # Two of three members at .9 and one at .1 make .479 bit, and that is a disagreement.
    max_epistemic_entropy_bits: float = limit(
        0.3, "bits", "The largest disagreement of the ensemble's members.", LOWER, low=0, high=1
    )
    require_prediction_time: bool = limit(
        True, "", "Predictions without a time are denied.", HIGHER
    )
    require_model_version: bool = limit(
        True, "", "Predictions without a model version are denied.", HIGHER
    )
    require_ensemble_members: bool = limit(
        True, "", "Predictions without the members' probabilities are denied.", HIGHER
    )
    require_model_registry: bool = limit(
        False,
        "",
        "Predictions are denied while the registry of model versions is missing.",
        HIGHER,
    )
    require_liquidation_price: bool = limit(
        False, "", "Adding to a position without a liquidation price is denied.", HIGHER
    )

    # Market.
    max_volatility_ratio: float = limit(
        3.0,
        "ratio to the baseline",
        "The short volatility that trips the breaker. The limit itself trips.",
        LOWER,
        at="circuit_breakers.volatility_spike_multiplier",
        above=1,
    )
    max_spread_bps: float = limit(
        20.0, "bps", "The widest spread between bid and ask.", LOWER, low=0
    )
    max_depth_share: Decimal = limit(
        Decimal("0.5"),
        "share of the depth near the mid",
        "The largest child order.",
        LOWER,
        above=0,
    )
    max_market_age_seconds: float = limit(
        5.0, "seconds", "The greatest age of the newest market frame.", LOWER, above=0
    )
    max_mark_deviation: float = limit(
        0.02,
        "share of the price",
        "The largest difference between mid and mark price.",
        LOWER,
        above=0,
        high=1,
    )
    max_index_deviation: float = limit(
        0.02,
        "share of the price",
        "The largest difference between mid and index price.",
        LOWER,
        above=0,
        high=1,
    )
    max_disagreement_bps: float = limit(
        300.0,
        "bps",
        "The largest difference between the market view and the exchange's own prices.",
        LOWER,
        above=0,
    )
    fill_witness_seconds: float = limit(
        60.0,
        "seconds",
        "How long a fill of ours is compared with the market view.",
        HIGHER,
        above=0,
    )
    mark_witness_seconds: float = limit(
        60.0,
        "seconds",
        "How long the mark of an open position is compared with the market view.",
        HIGHER,
        above=0,
    )
    max_limit_price_deviation: float = limit(
        0.02,
        "share of the price",
        "How far a limit price may cross the market.",
        LOWER,
        above=0,
        high=1,
    )
    max_funding_rate: float = limit(
        0.001,
        "share of the position per funding interval",
        "The highest funding that the trade's side pays.",
        LOWER,
        low=0,
        high=1,
    )

    # Execution.
    max_impact_bps: float = limit(
        20.0,
        "bps",
        "The largest expected impact on the price.",
        LOWER,
        at="execution.max_impact_bps",
        low=0,
    )
    impact_coefficient: float = limit(
        1.0,
        "factor",
        "The factor Y of the square-root impact law. 1 is the cautious end of the published 0.5 "
        "to 1.",
        HIGHER,
        above=0,
    )
    max_slippage_bps: float = limit(
        50.0,
        "share of the price",
        "The largest slippage, as expected and as bounded.",
        LOWER,
        at="execution.max_slippage",
        above=0,
        high=1,
        at_most="execution.backup_max_slippage",
        factor=10_000,
    )
    max_adv_share: Decimal = limit(
        Decimal("0.05"),
        "share of the volume of the last 24 hours",
        "The largest trade.",
        LOWER,
        at="execution.max_adv_share",
        above=0,
        high=1,
    )
    min_time_to_expiry_seconds: float = limit(
        1.0, "seconds", "The shortest time that a request leaves for the work.", HIGHER, low=0
    )
    max_slices: int = limit(
        2000, "child orders", "How many slices one parent order has at most.", LOWER, low=1
    )

    # Portfolio.
    max_order_notional: Decimal | None = limit(
        None, "quote currency", "The largest notional of one request.", LOWER, above=0
    )
    max_position_share: Decimal = limit(
        Decimal("0.10"),
        EQUITY,
        "The largest position in one symbol.",
        LOWER,
        at="ml_risk_thresholds.max_position_size",
        above=0,
        high=1,
        at_most="gate.max_gross_exposure_share",
    )
    max_portfolio_risk: Decimal = limit(
        Decimal("0.02"),
        EQUITY,
        "The largest loss of a position at its stop. Without a stop, the loss on a day of its "
        "95 % expected shortfall.",
        LOWER,
        above=0,
        high=1,
    )
    max_gross_exposure_share: Decimal = limit(
        Decimal("1"), EQUITY, "The largest sum of all positions, long plus short.", LOWER, above=0
    )
    max_reservation_share: Decimal = limit(
        Decimal("0.5"),
        EQUITY,
        "What the approved trades of one strategy may still add, over all symbols.",
        LOWER,
        above=0,
    )
    max_net_exposure_share: Decimal = limit(
        Decimal("0.6"), EQUITY, "The largest difference of long and short.", LOWER, above=0
    )
    max_leverage: Decimal = limit(
        Decimal("3"), "ratio to equity", "The largest gross exposure.", LOWER, above=0
    )
    margin_buffer_share: Decimal = limit(
        Decimal("0.0025"),
        "share of the free margin",
        "The margin that is kept free.",
        HIGHER,
        low=0,
        high=1,
    )
    maintenance_margin_rate: float = limit(
        0.005,
        "share of the position",
        "The maintenance margin that is assumed.",
        HIGHER,
        low=0,
        high=1,
    )
    min_liquidation_distance: float = limit(
        0.10,
        "share of the mark price",
        "The smallest distance from mark to liquidation price.",
        HIGHER,
        low=0,
        high=1,
    )
    correlation_threshold: float = limit(
        0.8,
        "correlation",
        "From this correlation on two symbols count as moving together.",
        LOWER,
        at="position_monitoring.correlation_threshold",
        above=0,
        high=1,
    )
    max_correlated_share: Decimal = limit(
        Decimal("0.3"), EQUITY, "The largest exposure that moves together.", LOWER, above=0
    )
    max_correlated_positions: int = limit(
        3,
        "positions",
        "How many positions in other symbols may move with a trade.",
        LOWER,
        at="position_monitoring.max_correlated_positions",
        low=0,
    )
    min_effective_bets: float = limit(
        1.5, "bets", "The least spread of the book, as exp(entropy) of its shares.", HIGHER, low=1
    )
    concentration_free_share: Decimal = limit(
        Decimal("0.3"), EQUITY, "The gross exposure that may sit in one symbol.", LOWER, low=0
    )
    max_positions: int = limit(
        10,
        "positions",
        "How many positions are open at once at most.",
        LOWER,
        at="position_monitoring.max_positions",
        low=1,
    )
    max_daily_loss_share: Decimal = limit(
        Decimal("0.03"),
        "share of the equity at the day's start",
        "The loss of a day that trips the breaker. The limit itself trips.",
        LOWER,
        at="circuit_breakers.daily_loss_limit",
        above=0,
        high=1,
    )
    max_rolling_loss_share: Decimal = limit(
        Decimal("0.05"),
        EQUITY,
        "The loss of 24 hours that denies new risk. The limit itself denies.",
        LOWER,
        above=0,
        high=1,
    )
    max_drawdown_share: Decimal = limit(
        Decimal("0.10"),
        "share of the highest equity",
        "The fall of the equity that stops new risk. The limit itself stops it.",
        LOWER,
        at="emergency_stops.max_portfolio_drawdown",
        above=0,
        high=1,
    )
    max_consecutive_losses: int = limit(
        5,
        "trades",
        "How many losing trades in a row stop new risk. The limit itself stops it.",
        LOWER,
        at="emergency_stops.max_consecutive_losses",
        low=1,
    )
    max_orders_per_second: int = limit(
        10, "orders per second", "How many orders are sent in one second at most.", LOWER, low=1
    )
    max_repeated_orders: int = limit(
        5,
        "requests per minute",
        "How many equal requests are approved in one minute at most.",
        LOWER,
        low=1,
    )
    max_portfolio_age_seconds: float = limit(
        30.0, "seconds", "The greatest age of the newest equity reading.", LOWER, above=0
    )

    # Instrument and request.
    max_instrument_age_seconds: float = limit(
        86_400.0, "seconds", "The greatest age of the instrument's rules.", LOWER, above=0
    )
    max_request_age_seconds: float = limit(
        300.0, "seconds", "The greatest age of a request that adds risk.", LOWER, above=0
    )
    max_clock_skew_seconds: float = limit(
        2.0, "seconds", "How far in the future a time stamp may lie.", LOWER, low=0
    )
    max_claim_deviation: float = limit(
        0.1,
        "share of the known value",
        "The largest difference between a strategy's own figure of market or portfolio and the "
        "known value. A larger one raises an alert.",
        LOWER,
        low=0,
    )

    # Size: the points up to which each factor is 1. Beyond them the curves of `bot.risk.factors`
    # bite.
    full_size_confidence: float = limit(
        0.8, "probability", "From this confidence on the size is full.", above=0.5, high=1
    )
    full_size_uncertainty: float = limit(
        0.2,
        "score",
        "Up to this uncertainty the size is full.",
        low=0,
        high=0.999,
        at_most="ml_risk_thresholds.max_uncertainty",
    )
    full_size_volatility_ratio: float = limit(
        1.5,
        "ratio to the baseline",
        "Up to this volatility the size is full.",
        above=0,
        at_most="circuit_breakers.volatility_spike_multiplier",
    )
    full_size_spread_bps: float = limit(
        5.0, "bps", "Up to this spread the size is full.", above=0, at_most="gate.max_spread_bps"
    )
    full_size_drawdown_use: float = limit(
        0.2,
        "share of the drawdown limit",
        "Up to this drawdown the size is full.",
        low=0,
        high=0.999,
    )
    full_size_correlation_use: float = limit(
        0.5,
        "share of the limit of correlated exposure",
        "Up to this correlated exposure the size is full.",
        low=0,
        high=0.999,
    )
    hard_caps: frozenset[str] = limit(
        DEFAULT_HARD_CAPS, "", "The checks on size that deny instead of shrinking."
    )
    soft_share: float | None = limit(
        None,
        "share of the limit",
        "From this use of a limit in `gate.soft_checks` on, an entry is a soft block: it passes "
        "with a warning, or is held. Null means that there are none.",
        LOWER,
        above=0,
        high=1,
    )
    soft_checks: frozenset[str] = limit(
        DEFAULT_SOFT_CHECKS, "", "The checks whose limits have the soft level below the hard one."
    )
    soft_holds: bool = limit(
        False,
        "",
        "A soft block waits until an operator releases it (`mlrisk parked release`). Where false, "
        "it passes with a warning.",
        HIGHER,
    )

    working: WorkingRules = field(default_factory=WorkingRules)
    """The rules for working an approved trade. No check of the gate reads them."""
    quotas: QuotaRules = field(default_factory=QuotaRules)
    """The quotas of one strategy. They are checked before the gate."""
    breakers: BreakerRules = field(default_factory=BreakerRules)
    """When breakers trip and how they recover, which the evaluator reads."""
    emergency: EmergencyRules = field(default_factory=EmergencyRules)
    """What causes the emergency stop besides a single breaker. No check of the gate reads them."""
    recovery: RecoveryRules = field(default_factory=RecoveryRules)
    """The rules of a recovery's ladder, which the monitoring reads."""
    alerting: AlertingRules = field(default_factory=AlertingRules)
    """How alerts are told and escalated, which the alerting process reads."""
    positions: PositionRules = field(default_factory=PositionRules)
    """The rules for open positions, which the position monitor reads."""
    lease: LeaseRules = field(default_factory=LeaseRules)
    """The deadlines of the sensors behind the lease to trade. No check of the gate reads them."""
    strategies: StrategyRules = field(default_factory=StrategyRules)
    """The ladder of stages. The gate reads the size at the stage small and the stage of a strategy
    without a row; the rest is for promotions."""
