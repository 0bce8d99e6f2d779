"""Every limit of the gate, typed; shares are fractions of equity unless the name says otherwise."""

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.risk.quota_rules import QuotaRules, quota_rules_from_config
from bot.risk.working_rules import WorkingRules, working_rules_from_config

if TYPE_CHECKING:
    from config.thresholds import MLRiskConfig

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
        "trade_risk",
    }
)
"""The checks that limit size rather than forbid."""

DEFAULT_HARD_CAPS = frozenset(
    {"order_notional", "max_notional", "max_qty", "gross_exposure", "free_margin"}
)
"""Size caps that deny instead of shrinking: an order beyond them is more likely a mistake (or a
race for the last of a shared budget) than an ambition."""


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The limits of one decision. Scores are floats in [0, 1]; money and shares are Decimal.

    Defaults are the base values of `config/ml_risk_config.yaml`, and where that leaves a choice,
    the strict one. None switches a rule off where the type allows it.
    """

    # Model: what the prediction must say of itself.
    min_confidence: float = 0.6
    max_uncertainty: float = 0.4
    min_ensemble_agreement: float = 0.7
    min_prediction_stability: float = 0.6
    min_feature_importance: float = 0.3
    """Share of the prediction that its three strongest features explain."""
    min_explained_features: int = 1
    max_prediction_age_seconds: float = 60.0
    max_epistemic_entropy_bits: float = 0.3
    """Two of three members at .9 and one at .1 make .479 bit, and that is a disagreement."""
    require_prediction_time: bool = True
    require_model_version: bool = True
    require_ensemble_members: bool = True

    # Market.
    max_volatility_ratio: float = 3.0
    """Short volatility over its own baseline; the limit itself trips."""
    max_spread_bps: float = 20.0
    max_depth_share: Decimal = Decimal("0.5")
    """Of the quote depth within the view's `depth_bps`, per child order."""
    max_market_age_seconds: float = 5.0
    max_mark_deviation: float = 0.02
    max_index_deviation: float = 0.02
    max_disagreement_bps: float = 300.0
    """Between the market view and what the exchange said of the same price otherwise."""
    fill_witness_seconds: float = 60.0
    """So long a fill of ours speaks against the market view."""
    mark_witness_seconds: float = 60.0
    """The same for the mark in the exchange's answer about positions."""
    max_limit_price_deviation: float = 0.02
    max_funding_rate: float = 0.001
    """Per funding interval, when this side pays it."""

    # Execution.
    max_impact_bps: float = 20.0
    impact_coefficient: float = 1.0
    """Y of the square-root law; 1 is the cautious end of the published 0.5 to 1."""
    max_slippage_bps: float = 50.0
    max_adv_share: Decimal = Decimal("0.05")
    """Of the quote volume of the last 24 hours."""
    min_time_to_expiry_seconds: float = 1.0
    max_slices: int = 2000

    # Portfolio.
    max_order_notional: Decimal | None = None
    max_position_share: Decimal = Decimal("0.10")
    max_portfolio_risk: Decimal = Decimal("0.02")
    """What a position may lose at its stop, or on a day of its 95 % expected shortfall."""
    max_gross_exposure_share: Decimal = Decimal("1")
    max_reservation_share: Decimal = Decimal("0.5")
    """Of what one strategy's approved trades may still add, in all symbols."""
    max_net_exposure_share: Decimal = Decimal("0.6")
    max_leverage: Decimal = Decimal("3")
    margin_buffer_share: Decimal = Decimal("0.0025")
    """Of the free margin, kept back."""
    maintenance_margin_rate: float = 0.005
    min_liquidation_distance: float = 0.10
    require_liquidation_price: bool = False
    """Positions without a liquidation price deny adding; the estimated distance always counts."""
    correlation_threshold: float = 0.8
    max_correlated_share: Decimal = Decimal("0.3")
    max_correlated_positions: int = 3
    min_effective_bets: float = 1.5
    concentration_free_share: Decimal = Decimal("0.3")
    """Gross exposure below this share of equity may sit in one symbol."""
    max_positions: int = 10
    max_daily_loss_share: Decimal = Decimal("0.03")
    max_rolling_loss_share: Decimal = Decimal("0.05")
    max_drawdown_share: Decimal = Decimal("0.10")
    max_consecutive_losses: int = 5
    max_orders_per_second: int = 10
    max_repeated_orders: int = 5
    max_portfolio_age_seconds: float = 30.0

    # Instrument and state.
    max_instrument_age_seconds: float = 86_400.0
    max_request_age_seconds: float = 300.0
    max_clock_skew_seconds: float = 2.0
    """How far in the future a stamp may lie before it is unreadable."""
    max_claim_deviation: float = 0.1
    """Of what a strategy says of market or portfolio from what is known; beyond it is told."""
    require_model_registry: bool = False
    """With it, a missing registry of model versions denies; without, only a listed one counts."""

    # Size: where each factor is 1. Beyond these points the curves of `bot.risk.factors` bite.
    full_size_confidence: float = 0.8
    full_size_uncertainty: float = 0.2
    full_size_volatility_ratio: float = 1.5
    full_size_spread_bps: float = 5.0
    full_size_drawdown_use: float = 0.2
    """Share of `max_drawdown_share` that may be used up before the size falls."""
    full_size_correlation_use: float = 0.5
    """Share of `max_correlated_share` that may be used up before the size falls."""

    hard_caps: frozenset[str] = DEFAULT_HARD_CAPS
    """Names of the size-limiting checks that deny instead of shrinking."""

    working: WorkingRules = field(default_factory=WorkingRules)
    """How what was approved may be worked; no check of the gate reads it."""
    quotas: QuotaRules = field(default_factory=QuotaRules)
    """How much a strategy may ask for; asked before the gate is."""


GATE_LIMITS = tuple(f.name for f in fields(RiskLimits) if f.name not in ("working", "quotas"))
"""Every limit that a check or a factor of the gate reads."""

# Limits whose key stands in a section of the original interface, under its name.
_ELSEWHERE = {
    "min_confidence": "ml_risk_thresholds.min_confidence",
    "max_uncertainty": "ml_risk_thresholds.max_uncertainty",
    "min_ensemble_agreement": "ml_risk_thresholds.min_ensemble_agreement",
    "min_prediction_stability": "ml_risk_thresholds.min_prediction_stability",
    "min_feature_importance": "ml_risk_thresholds.min_feature_importance",
    "max_position_share": "ml_risk_thresholds.max_position_size",
    "max_daily_loss_share": "circuit_breakers.daily_loss_limit",
    "max_volatility_ratio": "circuit_breakers.volatility_spike_multiplier",
    "max_consecutive_losses": "emergency_stops.max_consecutive_losses",
    "max_drawdown_share": "emergency_stops.max_portfolio_drawdown",
    "max_positions": "position_monitoring.max_positions",
    "correlation_threshold": "position_monitoring.correlation_threshold",
    "max_correlated_positions": "position_monitoring.max_correlated_positions",
    "max_impact_bps": "execution.max_impact_bps",
    "max_adv_share": "execution.max_adv_share",
    "max_slippage_bps": "execution.max_slippage",
}


def config_path_of(limit: str) -> str:
    """The `section.key` that sets a limit, for messages about it."""
    return _ELSEWHERE.get(limit, f"gate.{limit}")


def limits_from_config(config: "MLRiskConfig") -> RiskLimits:
    """The gate's limits out of a checked configuration; ValueError for an unknown size cap."""
    unknown = sorted(set(config.gate.hard_caps) - SIZE_CAPS)
    if unknown:
        raise ValueError(
            f"gate.hard_caps names {', '.join(unknown)}; known: {', '.join(sorted(SIZE_CAPS))}"
        )
    return RiskLimits(
        **{name: _convert(name, config.value(config_path_of(name))) for name in GATE_LIMITS},
        working=working_rules_from_config(config.working),
        quotas=quota_rules_from_config(config.quotas),
    )


_DECIMALS = frozenset(f.name for f in fields(RiskLimits) if "Decimal" in str(f.type))


def _convert(name: str, value: Any) -> Any:
    if name == "hard_caps":
        return frozenset(value)
    if name == "max_slippage_bps":
        return float(Decimal(repr(value)) * 10_000)
    if name in _DECIMALS and value is not None:
        # The shortest text of the float is what stands in the file.
        return Decimal(repr(value))
    return value
