"""The sections of the risk configuration: every key with its type, bounds and meaning."""

from dataclasses import Field, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a key accepts, and which way is stricter."""

    kind: type
    doc: str
    low: float | None = None
    high: float | None = None
    above: float | None = None
    """Exclusive lower bound."""
    tighter: int = 0
    """-1: a lower value is stricter; +1: a higher one; 0: neither is known to be."""
    nullable: bool = False

    def describe(self) -> str:
        noun = {bool: "true or false", int: "a whole number", float: "a number", list: "a list"}
        parts = [noun[self.kind]]
        if self.above is not None:
            parts.append(f"above {self.above:g}")
        if self.low is not None:
            parts.append(f"from {self.low:g}")
        if self.high is not None:
            parts.append(f"up to {self.high:g}")
        return " ".join(parts) + (" or null" if self.nullable else "")


def _key(kind: type, doc: str, **bounds: Any) -> Any:
    return field(metadata={"bounds": Bounds(kind, doc, **bounds)})


def _floor(doc: str, low: float = 0, high: float | None = 1) -> Any:
    """A score that must be reached: raising it is stricter."""
    return _key(float, doc, low=low, high=high, tighter=1)


def _share(doc: str, high: float = 1, tighter: int = -1) -> Any:
    """A fraction above zero; lowering it is stricter."""
    return _key(float, doc, above=0, high=high, tighter=tighter)


def _most(doc: str, high: float | None = None, low: float = 0) -> Any:
    """A number that must not be exceeded: lowering it is stricter."""
    return _key(float, doc, low=low, high=high, tighter=-1)


def _count(doc: str, low: int = 1, tighter: int = -1) -> Any:
    return _key(int, doc, low=low, tighter=tighter)


def _seconds(doc: str, tighter: int = -1) -> Any:
    return _key(float, doc, above=0, tighter=tighter)


def _switch(doc: str, tighter: int = 0) -> Any:
    return _key(bool, doc, tighter=tighter)


@dataclass(frozen=True)
class MLRiskThresholds:
    """What a prediction must say of itself, and how large a position may be."""

    min_confidence: float = _floor("the model's confidence")
    max_uncertainty: float = _most("the model's uncertainty", high=1)
    min_ensemble_agreement: float = _floor("share of the members that agree")
    min_prediction_stability: float = _floor("stability of the prediction")
    min_feature_importance: float = _floor("share explained by the three strongest features")
    max_position_size: float = _share("of the portfolio, per symbol")


@dataclass(frozen=True)
class CircuitBreakers:
    """Conditions that latch and stop new risk."""

    daily_loss_limit: float = _share("of the equity at the day's start; the limit itself trips")
    volatility_spike_multiplier: float = _key(
        float, "short volatility over its baseline", above=1, tighter=-1
    )
    min_model_performance: float = _floor("hit rate below which the model is degraded")
    max_execution_failure_rate: float = _share("of the recent child orders")
    auto_recovery: bool = _switch("breakers re-arm by themselves after their cooldown", -1)


@dataclass(frozen=True)
class EmergencyStops:
    """Conditions that halt everything."""

    max_consecutive_losses: int = _count("losing trades in a row; the limit itself trips")
    max_portfolio_drawdown: float = _share("fall from the equity's peak")
    max_position_drawdown: float = _share("fall of one position from its best value")
    manual_recovery_required: bool = _switch("only an authorised person ends a halt", 1)


@dataclass(frozen=True)
class PositionMonitoring:
    """What is watched while a position is open."""

    check_interval_seconds: float = _seconds("between two looks at every position")
    max_positions: int = _count("open at the same time")
    stop_loss: float = _share("loss of a position at which it is closed")
    take_profit: float = _key(float, "gain of a position at which it is closed", above=0)
    alert_threshold: float = _share("loss of a position at which people are told")
    max_holding_hours: float = _key(float, "after which a position is closed", above=0, tighter=-1)
    confidence_drop: float = _share("fall of the confidence since entry that closes a position")
    correlation_threshold: float = _share("from which two symbols count as moving together")
    max_correlated_positions: int = _count("positions elsewhere that move with a trade", low=0)


@dataclass(frozen=True)
class Execution:
    """How approved trades may be worked."""

    timeout_seconds: float = _seconds("for one order to be answered")
    max_retries: int = _count("of a child order", low=0)
    max_impact_bps: float = _most("expected impact")
    max_adv_share: float = _share("of the volume of the last 24 hours")
    max_slippage: float = _share("expected and bounded slippage")
    backup_max_slippage: float = _share("slippage that a backup plan may accept")


@dataclass(frozen=True)
class Gate:
    """The gate's further limits; shares are fractions of equity unless said otherwise."""

    min_explained_features: int = _count("features that carry the prediction", tighter=1)
    max_prediction_age_seconds: float = _seconds("between prediction and decision")
    max_epistemic_entropy_bits: float = _most("what the ensemble's members dispute", high=1)
    require_prediction_time: bool = _switch("deny predictions without a time", 1)
    require_model_version: bool = _switch("deny predictions without a model version", 1)
    require_ensemble_members: bool = _switch("deny predictions without members", 1)
    require_model_registry: bool = _switch("deny while the registry of models is missing", 1)
    require_liquidation_price: bool = _switch("deny adding to positions without one", 1)

    max_spread_bps: float = _most("between bid and ask")
    max_depth_share: float = _key(
        float, "of the depth near the mid, per child", above=0, tighter=-1
    )
    max_market_age_seconds: float = _seconds("of the newest market frame")
    max_mark_deviation: float = _share("between mid and mark price")
    max_index_deviation: float = _share("between mid and index price")
    max_limit_price_deviation: float = _share("by which a limit price may cross the market")
    max_funding_rate: float = _most("paid per funding interval", high=1)

    impact_coefficient: float = _key(float, "Y of the square-root law", above=0, tighter=1)
    min_time_to_expiry_seconds: float = _key(float, "left for the work", low=0, tighter=1)
    max_slices: int = _count("of one parent order")

    max_order_notional: float | None = _key(
        float, "in quote currency, per request", above=0, tighter=-1, nullable=True
    )
    max_gross_exposure_share: float = _key(float, "all positions", above=0, tighter=-1)
    max_net_exposure_share: float = _key(float, "long less short", above=0, tighter=-1)
    max_leverage: float = _key(float, "gross exposure over equity", above=0, tighter=-1)
    margin_buffer_share: float = _key(float, "of the free margin, kept", low=0, high=1, tighter=1)
    maintenance_margin_rate: float = _key(float, "assumed", low=0, high=1, tighter=1)
    min_liquidation_distance: float = _floor("between mark and liquidation")
    max_correlated_share: float = _key(float, "exposure that moves together", above=0, tighter=-1)
    min_effective_bets: float = _key(float, "exp(entropy) of the book", low=1, tighter=1)
    concentration_free_share: float = _most("gross exposure that may sit in one symbol")
    max_rolling_loss_share: float = _share("loss of the last 24 hours; the limit itself trips")
    max_orders_per_second: int = _count("orders sent")
    max_repeated_orders: int = _count("equal approved requests in a minute")
    max_portfolio_age_seconds: float = _seconds("of the newest equity reading")
    max_instrument_age_seconds: float = _seconds("of the instrument's rules")
    max_request_age_seconds: float = _seconds("of a request that adds risk")
    max_clock_skew_seconds: float = _key(float, "into the future", low=0, tighter=-1)

    full_size_confidence: float = _key(float, "from here the size is full", above=0.5, high=1)
    full_size_uncertainty: float = _key(float, "up to here the size is full", low=0, high=0.999)
    full_size_volatility_ratio: float = _key(float, "up to here the size is full", above=0)
    full_size_spread_bps: float = _key(float, "up to here the size is full", above=0)
    full_size_drawdown_use: float = _key(float, "share of the limit", low=0, high=0.999)
    full_size_correlation_use: float = _key(float, "share of the limit", low=0, high=0.999)
    hard_caps: tuple[str, ...] = _key(list, "checks on size that deny instead of shrinking")


SECTIONS: dict[str, type] = {
    "ml_risk_thresholds": MLRiskThresholds,
    "circuit_breakers": CircuitBreakers,
    "emergency_stops": EmergencyStops,
    "position_monitoring": PositionMonitoring,
    "execution": Execution,
    "gate": Gate,
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


def config_schema() -> dict[str, Any]:
    """The published JSON Schema of the configuration file."""
    layer = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _section_schema(name, complete=False) for name in SECTIONS},
    }
    scaled = {
        "type": "object",
        "additionalProperties": False,
        "description": "factors that multiply the values of the layers below",
        "properties": {name: _scale_schema(name) for name in SECTIONS},
    }
    mode = {**layer, "properties": {**layer["properties"], "scale": scaled}}  # type: ignore[dict-item]
    complete = {name: _section_schema(name, complete=True) for name in SECTIONS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlrisk risk configuration",
        "type": "object",
        "additionalProperties": False,
        "required": ["base"],
        "properties": {
            "base": {
                "type": "object",
                "additionalProperties": False,
                "required": list(SECTIONS),
                "properties": complete,
            },
            "environments": {"type": "object", "additionalProperties": layer},
            "modes": {"type": "object", "additionalProperties": mode},
            "overrides": layer,
        },
    }


def _section_schema(section: str, *, complete: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _key_schema(bounds) for key, bounds in keys_of(section).items()},
    }
    if complete:
        schema["required"] = list(keys_of(section))
    return schema


def _scale_schema(section: str) -> dict[str, Any]:
    names = [key for key, bounds in keys_of(section).items() if bounds.kind is float]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"type": "number", "exclusiveMinimum": 0} for key in names},
    }


def _key_schema(bounds: Bounds) -> dict[str, Any]:
    if bounds.kind is list:
        return {"type": "array", "items": {"type": "string"}, "description": bounds.doc}
    name = {bool: "boolean", int: "integer", float: "number"}[bounds.kind]
    schema: dict[str, Any] = {"type": [name, "null"] if bounds.nullable else name}
    limits = {"minimum": bounds.low, "maximum": bounds.high, "exclusiveMinimum": bounds.above}
    schema.update({key: value for key, value in limits.items() if value is not None})
    schema["description"] = bounds.doc
    return schema
