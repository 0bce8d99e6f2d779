"""Sizes by several methods; every method ends within the same caps, and tax moves none.

Kelly 1956 (mean over variance), volatility targeting (Moreira & Muir 2017), risk parity (Qian
2005, of a single position: a fixed risk over its volatility).
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from math import isfinite

from bot.risk.portfolio.kinds import MarketRegime, PositionSizeMethod, RiskLevel
from bot.risk.portfolio.parameters import RiskParameters
from bot.risk.portfolio.series import deviation, drawdown, mean, tail, yearly_volatility
from models.amounts import ZERO
from models.enums import TradeSide
from models.messages import parse_plain_decimal

MIN_RETURNS = 30
FALLBACK = Decimal("0.01")
"""The size as a share of the portfolio while too little is known for a method."""
MAX_KELLY = 0.25
PARITY, TARGET = 0.02, 0.15
_LEVELS = (
    (Decimal("0.2"), RiskLevel.VERY_LOW),
    (Decimal("0.4"), RiskLevel.LOW),
    (Decimal("0.6"), RiskLevel.MODERATE),
    (Decimal("0.8"), RiskLevel.HIGH),
    (Decimal(1), RiskLevel.VERY_HIGH),
)
_CENTS = Decimal("0.00000001")


def wanted_share(
    method: PositionSizeMethod,
    side: TradeSide,
    returns: Sequence[float] | None,
    params: RiskParameters,
) -> Decimal:
    """The method's size as a share of the portfolio, before any cap but its own."""
    if returns is None or len(returns) < MIN_RETURNS:
        return FALLBACK
    recent = returns[-params.volatility_lookback :]
    share = _by_method(method, side, returns, recent, params)
    return FALLBACK if share is None or not isfinite(share) else Decimal(repr(max(0.0, share)))


def _by_method(
    method: PositionSizeMethod,
    side: TradeSide,
    returns: Sequence[float],
    recent: Sequence[float],
    params: RiskParameters,
) -> float | None:
    if method is PositionSizeMethod.KELLY_CRITERION:
        spread = deviation(returns)
        edge = mean(returns) * side.sign
        return None if spread is None else min(MAX_KELLY, edge / spread**2)
    if method is PositionSizeMethod.MAX_DRAWDOWN:
        fall = drawdown([each * side.sign for each in returns])
        return float(parse_plain_decimal(params.max_portfolio_risk)) / fall if fall else None
    volatility = yearly_volatility(recent)
    if volatility is None:
        return None
    aim = PARITY if method is PositionSizeMethod.RISK_PARITY else TARGET
    return aim / volatility


def shortfall(side: TradeSide, returns: Sequence[float] | None) -> tuple[float, float] | None:
    """Value at risk and expected shortfall of a position on this side."""
    return tail(None if returns is None else [each * side.sign for each in returns])


def within(
    wanted: Decimal,
    portfolio_value: Decimal,
    loss_share: Decimal | None,
    regime: MarketRegime | None,
    params: RiskParameters,
    *,
    asked: Decimal | None,
) -> Decimal:
    """The notional within regime, position, risk and request; rounded down, never negative."""
    shares = [wanted, parse_plain_decimal(params.max_position_size)]
    if loss_share is not None and loss_share > ZERO:
        shares.append(parse_plain_decimal(params.max_portfolio_risk) / loss_share)
    size = min(shares) * portfolio_value
    if asked is not None:
        size = min(size, asked)
    if regime is not None:
        size *= Decimal(repr(params.multiplier(regime)))
    return max(ZERO, size).quantize(_CENTS, rounding=ROUND_FLOOR)


def level_of(risk_share: Decimal | None, params: RiskParameters) -> RiskLevel | None:
    """The level by the used share of `max_portfolio_risk`."""
    if risk_share is None:
        return None
    use = risk_share / parse_plain_decimal(params.max_portfolio_risk)
    return next((level for bound, level in _LEVELS if use <= bound), RiskLevel.EXTREME)
