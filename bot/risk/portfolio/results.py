"""Answers of portfolio risk; None stands for unknown, never for nothing."""

from dataclasses import dataclass
from decimal import Decimal

from bot.risk.portfolio.kinds import AlertLevel, MarketRegime, RiskLevel


@dataclass(frozen=True)
class PositionRisk:
    """The risk of one position; money in quote currency, shares of the portfolio's value."""

    symbol: str
    position_size: Decimal
    risk_amount: Decimal | None
    """The loss at the stop, or on a bad day without one."""
    risk_percentage: Decimal | None
    var_1d: Decimal | None
    expected_shortfall: Decimal | None
    """One day at 95 %."""
    correlation_risk: float | None
    """The strongest correlation with a held symbol."""
    volatility: float | None
    """The volatility of a year."""
    risk_level: RiskLevel | None
    tax_impact: Decimal | None = None
    """Estimated tax of closing this symbol's position at the given price; no tax advice."""
    cgt_discount_eligible: bool | None = None
    hold_period: int | None = None
    """Days since the oldest open lot."""
    regime: MarketRegime | None = None


@dataclass(frozen=True)
class RiskAlert:
    """One alert of a portfolio: how loud it is, and its sentence."""

    level: AlertLevel
    message: str


@dataclass(frozen=True)
class PortfolioRiskMetrics:
    """The risk of all positions together. Money in quote currency, a day at 95 %."""

    total_var: Decimal | None
    expected_shortfall: Decimal | None
    max_drawdown: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    beta: float | None
    """Beta against the returns named `market`; None without them."""
    correlation_matrix: dict[str, dict[str, float | None]]
    concentration_risk: float | None
    """Sum of the squared shares of the exposure: 1 for a single position."""
    regime: MarketRegime | None
    risk_score: float | None
    """Share of the allowed risk that is used, from 0 to 1."""
    alerts: tuple[RiskAlert, ...]
