"""RiskParameters: the original's names and defaults (facts: original interface)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.risk import MarketRegime, RiskParameters

ORIGINAL = {
    "max_portfolio_risk": Decimal("0.02"),
    "max_position_size": Decimal("0.10"),
    "max_correlation": 0.7,
    "cgt_discount_threshold": 365,
    "tax_rate": Decimal("0.325"),
    "enable_tax_optimization": True,
    "volatility_lookback": 30,
    "correlation_lookback": 60,
    "regime_detection_window": 90,
}


@pytest.mark.parametrize(("name", "value"), ORIGINAL.items())
def test_the_originals_defaults_are_ours(name: str, value: object) -> None:
    assert getattr(RiskParameters(), name) == value


def test_a_multiplier_never_lifts_a_size() -> None:
    params = RiskParameters()
    assert params.regime_risk_multipliers[MarketRegime.LOW_VOLATILITY] == 1.2
    assert params.multiplier(MarketRegime.LOW_VOLATILITY) == 1.0
    assert params.multiplier(MarketRegime.HIGH_VOLATILITY) == 0.8
    assert params.multiplier(MarketRegime.CRISIS) == 0.5
    assert RiskParameters(regime_risk_multipliers={}).multiplier(MarketRegime.CRISIS) == 1.0


@pytest.mark.parametrize(
    "broken",
    [
        {"max_portfolio_risk": 0},
        {"max_position_size": "1.1"},
        {"max_correlation": -0.1},
        {"tax_rate": 2},
        {"cgt_discount": "-0.1"},
        {"volatility_lookback": 1},
        {"cgt_discount_threshold": -1},
        {"regime_risk_multipliers": {MarketRegime.CRISIS: float("nan")}},
        {"regime_risk_multipliers": {"calm": 1.0}},
    ],
)
def test_parameters_that_limit_nothing_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(RiskParameters(), **broken)
