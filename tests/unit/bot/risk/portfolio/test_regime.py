"""The regime of a market by the year's volatility and trend."""

import pytest

from bot.risk.portfolio.kinds import MarketRegime
from bot.risk.portfolio.regime import regime_of


@pytest.mark.parametrize(
    ("swing", "drift", "regime"),
    [
        (0.03, 0.0, MarketRegime.CRISIS),
        (0.015, 0.0, MarketRegime.HIGH_VOLATILITY),
        (0.008, 0.0, MarketRegime.NORMAL),
        (0.002, 0.0, MarketRegime.LOW_VOLATILITY),
        (0.008, 0.001, MarketRegime.TRENDING_UP),
        (0.008, -0.001, MarketRegime.TRENDING_DOWN),
    ],
)
def test_the_regime_is_the_years_volatility_and_trend(
    swing: float, drift: float, regime: MarketRegime
) -> None:
    assert regime_of(tuple(drift + (swing if i % 2 else -swing) for i in range(90))) is regime
