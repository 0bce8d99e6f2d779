"""The limits of a notebook's manager: its parameters, never looser than its account's."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.risk.breakers.conditions import BreakerLimits
from bot.risk.limits import GATE_LIMITS, RiskLimits, config_path_of, limits_from_config
from bot.risk.manager.account import UnifiedRiskManager
from config.loading import ConfigError, from_mapping, nearest
from config.thresholds import MLRiskConfig

MLRiskParams = Mapping[str, Any] | MLRiskConfig | RiskLimits | None


def limits_of(params: MLRiskParams, account: UnifiedRiskManager) -> RiskLimits:
    """Limits of the parameters, then the account's own. A notebook's predictions may lack
    scores."""
    if isinstance(params, RiskLimits):
        return _tightened(params, account)
    if isinstance(params, MLRiskConfig):
        limits = limits_from_config(params)
    else:
        limits = replace(
            RiskLimits(),
            require_prediction_time=False,
            require_model_version=False,
            require_ensemble_members=False,
            **_named(params or {}),
        )
    changes: dict[str, Any] = account.params.limit_changes()
    return _tightened(replace(limits, **changes), account)


def _tightened(limits: RiskLimits, account: UnifiedRiskManager) -> RiskLimits:
    stricter: dict[str, Any] = {
        name: min(getattr(limits, name), cap) for name, cap in account.params.caps().items()
    }
    return replace(limits, **stricter)


def needs_code(params: MLRiskParams) -> bool:
    """Whether an emergency stop needs a code. Thresholds alone have an unknown origin, so they
    count as production's."""
    return not (isinstance(params, MLRiskConfig) and params.environment == "development")


def _named(params: Mapping[str, Any]) -> dict[str, Any]:
    """Thresholds by the configuration's names or the gate's; ConfigError for any other."""
    paths = {name: config_path_of(name) for name in GATE_LIMITS}
    by_key = {path.partition(".")[2]: name for name, path in paths.items()}
    found: dict[str, Any] = {}
    for key, value in params.items():
        name = by_key.get(key) or (key if key in paths else None)
        if name is None:
            hint = nearest(key, [*by_key, *paths])
            raise ConfigError([f"ml_risk_params: unknown key {key!r}{hint}"])
        checked = from_mapping({paths[name]: value}, "ml_risk_params").values[paths[name]][0]
        decimal = isinstance(getattr(RiskLimits(), name), Decimal)
        found[name] = Decimal(repr(checked)) if decimal else checked
    return found


def breaker_limits_of(params: MLRiskParams, limits: RiskLimits) -> BreakerLimits:
    """The thresholds of a notebook's breakers: the account's limits and the parameters' own
    section."""
    base = BreakerLimits(
        daily_loss=float(limits.max_daily_loss_share),
        volatility_ratio=limits.max_volatility_ratio,
        max_data_age_seconds=limits.max_market_age_seconds,
    )
    if not isinstance(params, MLRiskConfig):
        return base
    section = params.circuit_breakers
    return replace(
        base,
        model_performance=section.min_model_performance,
        execution_failure_rate=section.max_execution_failure_rate,
    )
