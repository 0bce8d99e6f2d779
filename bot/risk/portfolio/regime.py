"""The regime of a market, by a year's volatility and trend of its daily returns."""

from collections.abc import Sequence

from bot.risk.portfolio.kinds import MarketRegime
from bot.risk.portfolio.series import DAYS, mean, yearly_volatility

CRISIS, HIGH, LOW = 0.40, 0.25, 0.10
TREND = 0.20
MIN_DAYS = 20


def regime_of(returns: Sequence[float] | None) -> MarketRegime | None:
    """The regime by volatility first, then by trend; None when the returns show neither."""
    volatility = yearly_volatility(returns)
    if returns is None or volatility is None or len(returns) < MIN_DAYS:
        return None
    if volatility > CRISIS:
        return MarketRegime.CRISIS
    if volatility > HIGH:
        return MarketRegime.HIGH_VOLATILITY
    trend = mean(returns) * DAYS
    if abs(trend) > TREND:
        return MarketRegime.TRENDING_UP if trend > 0 else MarketRegime.TRENDING_DOWN
    return MarketRegime.LOW_VOLATILITY if volatility < LOW else MarketRegime.NORMAL
