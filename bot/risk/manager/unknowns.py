"""Fills gaps of a notebook's market data from its returns or by assumptions, and reports them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.risk.limits import RiskLimits
from bot.risk.portfolio.series import daily, deviation, first_hole
from bot.risk.portfolio.sizing import shortfall
from bot.risk.snapshot import MarketView, TradeIntent
from models.enums import TradeSide


def with_returns(
    view: MarketView,
    intent: TradeIntent,
    given: Mapping[str, Any],
    warnings: list[str],
    wrong: Callable[[str, str], None],
) -> MarketView:
    """The values from daily returns: the bad day, and the volatility if none is given.

    A series may begin with gaps, as `pct_change` does. A later gap is `wrong`, by its place. For an
    exit nothing is taken from such a series instead.
    """
    source = given.get("returns")
    if source is None:
        return view
    if isinstance(source, Iterator):
        source = tuple(source)
    hole = first_hole(source)
    if hole is not None and not intent.reduce_only:
        wrong(f"market_data.returns.{hole}", "must be a finite number (no NaN or infinity)")
    returns = daily(source, from_first_number=True)
    if returns is None:
        warnings.append("the returns are no readable daily returns: nothing is taken from them")
    volatility = view.volatility
    if volatility is None and (volatility := deviation(returns)) is not None:
        warnings.append("no volatility given: that of the returns is taken")
    baseline = view.volatility_baseline
    worst = shortfall(intent.side, returns)
    return replace(
        view,
        volatility=volatility,
        volatility_baseline=volatility if baseline is None else baseline,
        expected_shortfall=worst[1] if worst is not None and worst[1] > 0.0 else None,
    )


def priceless(
    view: MarketView, intent: TradeIntent, limits: RiskLimits, warnings: list[str]
) -> MarketView:
    """No price was given: at a price of 1 the quantity is exactly the notional."""
    warnings.append("no price given: quantities are in quote currency, as at a price of 1")
    # Half of the spread that costs no size.
    spread = Decimal(repr(limits.full_size_spread_bps)) / 20_000
    one = Decimal(1)
    bid, ask = (one - spread, one) if intent.side is TradeSide.BUY else (one, one + spread)
    return replace(view, bid=bid, ask=ask)
