"""The risk of all positions together, from their values and daily returns."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

from bot.risk.portfolio.kinds import AlertLevel, MarketRegime
from bot.risk.portfolio.parameters import RiskParameters
from bot.risk.portfolio.regime import regime_of
from bot.risk.portfolio.results import PortfolioRiskMetrics, RiskAlert
from bot.risk.portfolio.series import (
    beta,
    correlation,
    daily,
    drawdown,
    sharpe,
    sortino,
    tail,
)
from models.amounts import ZERO
from models.messages import parse_plain_decimal

MARKET = "market"
"""The key of the market's own returns, for beta and regime."""
_NEAR, _CONCENTRATED = 0.8, 0.5

Returns = Mapping[str, Sequence[float] | None]


def values_of(positions: Any) -> dict[str, Decimal]:
    """Signed notionals by symbol.

    A position is a number, or has `value`, `market_value`, `notional` or `position_size`, or a
    quantity `qty` or `size` with `mark`, `price` or `entry_price`. ValueError names anything else.
    """
    found: dict[str, Decimal] = {}
    for symbol, position in _by_symbol(positions):
        if symbol is None:
            raise ValueError(f"positions: {position!r} has no symbol")
        found[str(symbol)] = found.get(str(symbol), ZERO) + _value(str(symbol), position)
    return found


def _by_symbol(positions: Any) -> list[tuple[Any, Any]]:
    """The items of a mapping, a pandas series or frame, or records with a symbol."""
    if hasattr(positions, "iterrows"):
        return [(_get(row, "symbol") or label, row) for label, row in positions.iterrows()]
    if hasattr(positions, "items"):
        return list(positions.items())
    return [(_get(each, "symbol"), each) for each in positions]


def returns_of(market_data: Mapping[str, Any]) -> dict[str, Sequence[float] | None]:
    """Daily returns by symbol, from `symbol: returns` or `symbol: {"returns": …}`."""
    return {
        str(symbol): daily(given.get("returns") if _has_columns(given) else given)
        for symbol, given in market_data.items()
    }


def _has_columns(given: Any) -> bool:
    return isinstance(given, Mapping) or hasattr(given, "columns")


def metrics_of(
    values: Mapping[str, Decimal],
    returns: Returns,
    portfolio_value: Decimal,
    params: RiskParameters,
) -> PortfolioRiskMetrics:
    """The metrics of all positions; unknown as soon as the returns of one held symbol are
    unknown."""
    held = {symbol: value for symbol, value in values.items() if value}
    joint = _joint(held, returns, portfolio_value)
    worst = (0.0, 0.0) if not held else tail(joint)
    market = returns.get(MARKET)
    window = params.regime_detection_window
    regime = regime_of(_last(market if market is not None else joint, window))
    total_var, expected = (
        (None, None)
        if worst is None
        else (portfolio_value * Decimal(repr(worst[0])), portfolio_value * Decimal(repr(worst[1])))
    )
    allowed = parse_plain_decimal(params.max_portfolio_risk)
    use = None if worst is None else float(Decimal(repr(worst[1])) / allowed)
    concentration = _concentration(held)
    matrix = _matrix(held, returns, params.correlation_lookback)
    fall = drawdown(joint)
    return PortfolioRiskMetrics(
        total_var=total_var,
        expected_shortfall=expected,
        max_drawdown=fall,
        sharpe_ratio=sharpe(joint),
        sortino_ratio=sortino(joint),
        beta=beta(joint, market, params.correlation_lookback),
        correlation_matrix=matrix,
        concentration_risk=concentration,
        regime=regime,
        risk_score=None if use is None else min(1.0, use),
        alerts=tuple(_alerts(held, use, concentration, matrix, regime, params)),
    )


def _joint(
    held: Mapping[str, Decimal], returns: Returns, portfolio_value: Decimal
) -> tuple[float, ...] | None:
    """The portfolio's daily returns at today's weights, on the newest days that all have."""
    series = [returns.get(symbol) for symbol in held]
    known = [each for each in series if each is not None]
    if not held or len(known) < len(series) or not portfolio_value > ZERO:
        return None
    weights = [float(value / portfolio_value) for value in held.values()]
    days = min(map(len, known))
    recent = [each[-days:] for each in known]
    joint = tuple(
        sum(weight * each[day] for weight, each in zip(weights, recent, strict=True))
        for day in range(days)
    )
    return joint if all(map(isfinite, joint)) else None


def _matrix(
    held: Mapping[str, Decimal], returns: Returns, count: int
) -> dict[str, dict[str, float | None]]:
    return {
        one: {
            other: 1.0 if one == other else correlation(returns.get(one), returns.get(other), count)
            for other in held
        }
        for one in held
    }


def _concentration(held: Mapping[str, Decimal]) -> float | None:
    gross = sum(map(abs, held.values()), ZERO)
    if not gross:
        return 0.0
    return float(sum((value / gross) ** 2 for value in held.values()))


def _alerts(
    held: Mapping[str, Decimal],
    use: float | None,
    concentration: float | None,
    matrix: Mapping[str, Mapping[str, float | None]],
    regime: MarketRegime | None,
    params: RiskParameters,
) -> list[RiskAlert]:
    found = []
    if use is None:
        found.append(RiskAlert(AlertLevel.WARNING, "the risk is unknown: returns are missing"))
    elif use > 1.0:
        found.append(RiskAlert(AlertLevel.CRITICAL, f"a bad day costs {use:.2f} times the limit"))
    elif use > _NEAR:
        found.append(RiskAlert(AlertLevel.WARNING, f"a bad day costs {use:.0%} of the limit"))
    if len(held) > 1 and concentration is not None and concentration > _CONCENTRATED:
        found.append(RiskAlert(AlertLevel.WARNING, f"concentration is {concentration:.2f}"))
    names = sorted(held)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            strength = matrix[one][other]
            if strength is not None and strength > params.max_correlation:
                text = f"{one} and {other} move together: {strength:.2f}"
                found.append(RiskAlert(AlertLevel.WARNING, text))
    if regime is MarketRegime.CRISIS:
        found.append(RiskAlert(AlertLevel.CRITICAL, "the market is in a crisis"))
    return found


def _last(returns: Sequence[float] | None, count: int) -> Sequence[float] | None:
    return None if returns is None else returns[-count:]


def _get(source: Any, name: str) -> Any:
    # A row of a frame has fields and methods; `size` is one of both.
    keyed = isinstance(source, Mapping) or hasattr(source, "iloc")
    return source.get(name) if keyed else getattr(source, name, None)


def _is_scalar(position: Any) -> bool:
    """Whether a position is a scalar of numpy, such as its integers, which are no int."""
    return hasattr(position, "item") and getattr(position, "ndim", None) == 0


def _first(source: Any, *names: str) -> Decimal | None:
    for name in names:
        value = _get(source, name)
        if value is not None:
            return number(value)
    return None


def _value(symbol: str, position: Any) -> Decimal:
    if isinstance(position, Decimal | int | float | str) or _is_scalar(position):
        return number(position)
    value = _first(position, "value", "market_value", "notional", "position_size")
    if value is not None:
        return value
    qty = _first(position, "qty", "quantity", "size")
    price = _first(position, "mark", "price", "current_price", "entry_price")
    if qty is None or price is None:
        raise ValueError(f"positions.{symbol}: neither a value nor a quantity with its price")
    return qty * price


def number(value: Any) -> Decimal:
    """Plain digits, or a float by its shortest text; ValueError for anything else."""
    plain = value.item() if hasattr(value, "item") and not isinstance(value, str) else value
    if isinstance(plain, float):
        plain = format(Decimal(repr(plain)), "f")
    return parse_plain_decimal(plain)
