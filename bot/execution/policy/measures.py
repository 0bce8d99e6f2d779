"""Measures of a market view for the algorithm choice and the throttle; None is unmeasured."""

from decimal import Decimal

from bot.risk.book import positive
from bot.risk.checks.market import volatility_ratio
from bot.risk.snapshot import MarketView
from models.enums import TradeSide

__all__ = ["near_depth", "share_of", "spread_bps", "volatility_ratio"]


def spread_bps(market: MarketView | None) -> float | None:
    """The spread between bid and ask over the mid; None for an empty or crossed book."""
    if market is None:
        return None
    bid, ask = positive(market.bid), positive(market.ask)
    if bid is None or ask is None or bid >= ask:
        return None
    return float((ask - bid) / ((ask + bid) / 2) * 10_000)


def near_depth(market: MarketView | None, side: TradeSide) -> Decimal | None:
    """The quote notional near the mid on the side that we would take from."""
    if market is None:
        return None
    return positive(market.ask_depth if side is TradeSide.BUY else market.bid_depth)


def share_of(part: Decimal, whole: Decimal | None) -> Decimal | None:
    """The part over the whole; None without a whole that is above zero."""
    usable = positive(whole)
    return None if usable is None or not part.is_finite() else part / usable
