"""The sections of the risk configuration: every key with its type, bounds and meaning."""

from dataclasses import Field, dataclass, fields
from typing import Any

from config.bounds import (
    Bounds,
    choice,
    count,
    floor,
    key,
    most,
    seconds,
    share,
    steps,
    switch,
)


@dataclass(frozen=True)
class MLRiskThresholds:
    """What a prediction must say of itself, and how large a position may be."""

    min_confidence: float = floor("the model's confidence")
    max_uncertainty: float = most("the model's uncertainty", high=1)
    min_ensemble_agreement: float = floor("share of the members that agree")
    min_prediction_stability: float = floor("stability of the prediction")
    min_feature_importance: float = floor("share explained by the three strongest features")
    max_position_size: float = share("of the portfolio, per symbol")


@dataclass(frozen=True)
class CircuitBreakers:
    """Conditions that latch and stop new risk."""

    daily_loss_limit: float = share("of the equity at the day's start; the limit itself trips")
    volatility_spike_multiplier: float = key(
        float, "short volatility over its baseline", above=1, tighter=-1
    )
    min_model_performance: float = floor("hit rate below which the model is degraded")
    max_execution_failure_rate: float = share("of the recent child orders")
    auto_recovery: bool = switch("breakers re-arm by themselves after their cooldown", -1)


@dataclass(frozen=True)
class EmergencyStops:
    """Conditions that halt everything."""

    max_consecutive_losses: int = count("losing trades in a row; the limit itself trips")
    max_portfolio_drawdown: float = share("fall from the equity's peak")
    max_position_drawdown: float = share("fall of one position from its best value")
    manual_recovery_required: bool = switch("only an authorised person ends a halt", 1)


@dataclass(frozen=True)
class PositionMonitoring:
    """What is watched while a position is open."""

    check_interval_seconds: float = seconds("between two looks at every position")
    max_positions: int = count("open at the same time")
    stop_loss: float = share("loss of a position at which it is closed")
    take_profit: float = key(float, "gain of a position at which it is closed", above=0)
    alert_threshold: float = share("loss of a position at which people are told")
    max_holding_hours: float = key(float, "after which a position is closed", above=0, tighter=-1)
    confidence_drop: float = share("fall of the confidence since entry that closes a position")
    correlation_threshold: float = share("from which two symbols count as moving together")
    max_correlated_positions: int = count("positions elsewhere that move with a trade", low=0)


@dataclass(frozen=True)
class Execution:
    """What an approved trade may cost, and how long and how often one order is tried."""

    timeout_seconds: float = seconds("for one order to be answered")
    max_retries: int = count("of a child order", low=0)
    max_impact_bps: float = most("expected impact")
    max_adv_share: float = share("of the volume of the last 24 hours")
    max_slippage: float = share("expected and bounded slippage")
    backup_max_slippage: float = share("slippage that a backup plan may accept")


@dataclass(frozen=True)
class Gate:
    """The gate's further limits; shares are fractions of equity unless said otherwise."""

    min_explained_features: int = count("features that carry the prediction", tighter=1)
    max_prediction_age_seconds: float = seconds("between prediction and decision")
    max_epistemic_entropy_bits: float = most("what the ensemble's members dispute", high=1)
    require_prediction_time: bool = switch("deny predictions without a time", 1)
    require_model_version: bool = switch("deny predictions without a model version", 1)
    require_ensemble_members: bool = switch("deny predictions without members", 1)
    require_model_registry: bool = switch("deny while the registry of models is missing", 1)
    require_liquidation_price: bool = switch("deny adding to positions without one", 1)

    max_spread_bps: float = most("between bid and ask")
    max_depth_share: float = key(float, "of the depth near the mid, per child", above=0, tighter=-1)
    max_market_age_seconds: float = seconds("of the newest market frame")
    max_mark_deviation: float = share("between mid and mark price")
    max_index_deviation: float = share("between mid and index price")
    max_disagreement_bps: float = key(
        float, "between the market view and the exchange's own prices", above=0, tighter=-1
    )
    fill_witness_seconds: float = seconds("a fill speaks against the market view", 1)
    mark_witness_seconds: float = seconds("a held position's mark does", 1)
    max_limit_price_deviation: float = share("by which a limit price may cross the market")
    max_funding_rate: float = most("paid per funding interval", high=1)

    impact_coefficient: float = key(float, "Y of the square-root law", above=0, tighter=1)
    min_time_to_expiry_seconds: float = key(float, "left for the work", low=0, tighter=1)
    max_slices: int = count("of one parent order")

    max_order_notional: float | None = key(
        float, "in quote currency, per request", above=0, tighter=-1, nullable=True
    )
    max_portfolio_risk: float = share("loss of a position at its stop or on a bad day")
    max_gross_exposure_share: float = key(float, "all positions", above=0, tighter=-1)
    max_reservation_share: float = key(
        float, "what one strategy's trades may still add, everywhere", above=0, tighter=-1
    )
    max_net_exposure_share: float = key(float, "long less short", above=0, tighter=-1)
    max_leverage: float = key(float, "gross exposure over equity", above=0, tighter=-1)
    margin_buffer_share: float = key(float, "of the free margin, kept", low=0, high=1, tighter=1)
    maintenance_margin_rate: float = key(float, "assumed", low=0, high=1, tighter=1)
    min_liquidation_distance: float = floor("between mark and liquidation")
    max_correlated_share: float = key(float, "exposure that moves together", above=0, tighter=-1)
    min_effective_bets: float = key(float, "exp(entropy) of the book", low=1, tighter=1)
    concentration_free_share: float = most("gross exposure that may sit in one symbol")
    max_rolling_loss_share: float = share("loss of the last 24 hours; the limit itself trips")
    max_orders_per_second: int = count("orders sent")
    max_repeated_orders: int = count("equal approved requests in a minute")
    max_portfolio_age_seconds: float = seconds("of the newest equity reading")
    max_instrument_age_seconds: float = seconds("of the instrument's rules")
    max_request_age_seconds: float = seconds("of a request that adds risk")
    max_clock_skew_seconds: float = key(float, "into the future", low=0, tighter=-1)
    max_claim_deviation: float = key(
        float, "of a strategy's claims from what is known, told beyond it", low=0, tighter=-1
    )

    full_size_confidence: float = key(float, "from here the size is full", above=0.5, high=1)
    full_size_uncertainty: float = key(float, "up to here the size is full", low=0, high=0.999)
    full_size_volatility_ratio: float = key(float, "up to here the size is full", above=0)
    full_size_spread_bps: float = key(float, "up to here the size is full", above=0)
    full_size_drawdown_use: float = key(float, "share of the limit", low=0, high=0.999)
    full_size_correlation_use: float = key(float, "share of the limit", low=0, high=0.999)
    hard_caps: tuple[str, ...] = key(list, "checks on size that deny instead of shrinking")


AUTO = "auto"
ALGORITHMS = (
    "immediate",
    "twap",
    "vwap",
    "implementation_shortfall",
    "pov",
    "iceberg",
    "passive",
)
"""The values of `models.enums.Algorithm`, which this layer can't import; a test compares them."""
BACKUP_STEPS = (
    "retry",
    "reduce_size",
    "market_order_fallback",
    "other_algorithm",
    "stop_and_alert",
)
"""The values of `models.backup.BackupStep`, in the same way."""


@dataclass(frozen=True)
class Working:
    """How approved trades are worked: algorithm, rates, pace, and what is tried after a failure."""

    default_algorithm: str = choice(
        "the algorithm where the strategy names none; auto lets the rule choose",
        (AUTO, *ALGORITHMS),
    )
    max_catch_up: float = key(float, "late work at once, in planned slices", low=1, tighter=-1)
    participation_cap: float | None = key(
        float,
        "of the volume traded since the parent's start; null: none",
        above=0,
        high=1,
        tighter=-1,
        nullable=True,
    )
    orders_per_second: int = count("order writes of one account")
    exit_reserve: int = count("of these writes, kept for exits", low=0, tighter=1)

    exit_slippage_bps: float = key(float, "beyond the touch, for exits", above=0, high=2000)
    exit_widest_bps: float = key(
        float, "of an exit's attempts, the price band unknown", above=0, high=5000
    )

    urgent_confidence: float = key(float, "from here a signal can't wait", low=0.5, high=1)
    immediate_depth_share: float = key(float, "of the near depth, taken at once", low=0, high=1)
    urgent_depth_share: float = key(float, "the same for a signal that can't wait", low=0, high=1)
    passive_spread_bps: float = key(float, "from here resting is worth the wait", low=0)
    calm_volatility_ratio: float = key(float, "up to here waiting costs little", above=0)
    pov_adv_share: float = share("of a day's volume; from here trades follow the volume", 1, 0)
    iceberg_depth_share: float = key(float, "of the near depth; from here size is hidden", above=0)

    slow_volatility_ratio: float = key(float, "from here slices slow", above=1, tighter=-1)
    pause_volatility_ratio: float = key(float, "from here nothing is added", above=1, tighter=-1)
    shrink_spread_bps: float = key(float, "from here slices shrink", above=0, tighter=-1)
    pause_spread_bps: float = key(float, "from here nothing is added", above=0, tighter=-1)
    shrink_depth_share: float = key(
        float, "what remains over the near depth; from here slices shrink", above=0, tighter=-1
    )
    slow_drawdown_use: float = share("of the drawdown limit; from here slices slow")
    pause_drawdown_use: float = share("of the drawdown limit; from here nothing is added")
    hysteresis: float = key(
        float, "share under a threshold that ends its condition", low=0, high=0.9, tighter=1
    )
    min_pace_seconds: float = key(float, "before a pace is eased", low=0, tighter=1)
    slow_speed: float = share("of the planned speed, while slowed")
    shrink_size: float = share("of the planned size, while shrunk")
    hurry_speed: float = key(float, "of the planned speed, for exits under stress", low=1)

    backup_throttled: tuple[str, ...] = steps("after the venue's rate limit", BACKUP_STEPS)
    backup_price: tuple[str, ...] = steps("after a price that was refused", BACKUP_STEPS)
    backup_no_liquidity: tuple[str, ...] = steps("after little or no fill", BACKUP_STEPS)
    backup_timeout: tuple[str, ...] = steps("after no answer in time", BACKUP_STEPS)
    backup_margin: tuple[str, ...] = steps("after too little margin", BACKUP_STEPS)
    backup_rejected: tuple[str, ...] = steps("after any other refusal", BACKUP_STEPS)
    cancel_on_risk_increase: bool = switch("tighter risk ends what still adds", 1)


@dataclass(frozen=True)
class Quotas:
    """What one strategy may ask for; beyond it a request is refused before it is decided."""

    requests_per_second: int = count("requests that may add risk, taken in a second")
    open_requests: int = count("of these, not yet at their end")
    exits_per_second: int = count("requests that only reduce, taken in a second")
    open_exits: int = count("of these, not yet at their end")


SECTIONS: dict[str, type] = {
    "ml_risk_thresholds": MLRiskThresholds,
    "circuit_breakers": CircuitBreakers,
    "emergency_stops": EmergencyStops,
    "position_monitoring": PositionMonitoring,
    "execution": Execution,
    "gate": Gate,
    "working": Working,
    "quotas": Quotas,
}


def bounds_of(section: str, key: str) -> Bounds:
    """The bounds of one key; KeyError when there is no such key."""
    for found in fields(SECTIONS[section]):
        if found.name == key:
            return _bounds(found)
    raise KeyError(key)


def keys_of(section: str) -> dict[str, Bounds]:
    """Every key of a section with its bounds, in the order of the file."""
    return {found.name: _bounds(found) for found in fields(SECTIONS[section])}


def _bounds(found: Field[Any]) -> Bounds:
    bounds = found.metadata["bounds"]
    assert isinstance(bounds, Bounds)
    return bounds
