"""What a notebook's market data leaves open, taken from its returns or assumed, and said."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.risk.limits import RiskLimits
from bot.risk.portfolio.series import daily, deviation
from bot.risk.portfolio.sizing import shortfall
from bot.risk.snapshot import MarketView, TradeIntent
from models.enums import TradeSide


def with_returns(
    view: MarketView, intent: TradeIntent, given: Mapping[str, Any], warnings: list[str]
) -> MarketView:
    """What daily returns add: the bad day, and the volatility where none is given."""
    if given.get("returns") is None:
        return view
    returns = daily(given["returns"])
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
    """Nobody gave a price: at a price of 1 the quantity is the notional, to the last digit."""
    warnings.append("no price given: quantities are in quote currency, as at a price of 1")
    # Half of the spread that costs no size.
    spread = Decimal(repr(limits.full_size_spread_bps)) / 20_000
    one = Decimal(1)
    bid, ask = (one - spread, one) if intent.side is TradeSide.BUY else (one, one + spread)
    return replace(view, bid=bid, ask=ask)
