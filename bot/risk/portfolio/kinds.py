"""The words of portfolio risk: methods, regimes, levels of risk and of alerts."""

from enum import StrEnum

from models.enums import AlertLevel as AlertLevel


class PositionSizeMethod(StrEnum):
    """The methods by which a position's size is computed."""

    KELLY_CRITERION = "kelly_criterion"
    VOLATILITY_TARGETING = "volatility_targeting"
    RISK_PARITY = "risk_parity"
    MAX_DRAWDOWN = "max_drawdown"
    TAX_OPTIMIZED = "tax_optimized"


class MarketRegime(StrEnum):
    """The kinds of market that the original interface tells apart."""

    LOW_VOLATILITY = "low_volatility"
    NORMAL = "normal"
    HIGH_VOLATILITY = "high_volatility"
    CRISIS = "crisis"
    TRENDING_UP = "trending_up"
    TRENDING_DOWN = "trending_down"


class RiskLevel(StrEnum):
    """Six levels of risk, from the lowest to the highest."""

    VERY_LOW = "very_low"
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    VERY_HIGH = "very_high"
    EXTREME = "extreme"


class LotOrder(StrEnum):
    """The order in which an exit closes lots."""

    FIFO = "fifo"
    """The first booked lot first."""
    LIFO = "lifo"
    HIGHEST_COST = "highest_cost"
    """The lot that gains least first: of a short position, the one sold cheapest."""
    LONGEST_HELD = "longest_held"
    """The longest held lot first, by the day of its fill and not of its booking."""
