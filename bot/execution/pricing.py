"""The price bound of a child: from the touch by the allowed slippage, never past the parent's."""

from datetime import datetime
from decimal import Decimal

from bot.execution.planning import round_to_tick, slippage_share
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from models.enums import TradeSide
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow

_BPS = 10_000


def bound(
    parent: ParentOrderRow,
    child: ChildOrderRow,
    view: MarketView | None,
    rules: InstrumentRow | None,
    limits: RiskLimits,
    now: datetime,
) -> Decimal | None:
    """The worst price of this child; a resting child's own price, where the limit still allows it.

    None when the market is unknown or stale and the child would add risk. What reduces goes out
    at the parent's limit even then.
    """
    side = TradeSide(parent.side)
    better = min if side is TradeSide.BUY else max
    limit = worst_price(parent, child)
    resting = None if not child.rests or child.price is None else better(child.price, limit)
    touch = far_touch(side, view, limits, now)
    if touch is None or rules is None:
        return (resting or limit) if parent.reduce_only else None
    if resting is not None:
        return resting
    share = slippage_share(limits) if child.bound_bps is None else child.bound_bps / _BPS
    wanted = better(touch * (1 + side.sign * share), limit)
    return round_to_tick(wanted, rules.tick_size.normalize(), side)


def worst_price(parent: ParentOrderRow, child: ChildOrderRow) -> Decimal:
    """The parent's limit; a backup plan's own where it widened this child's bound."""
    fallback = parent.params.get("fallback_limit")
    if child.bound_bps is None or fallback is None:
        return parent.price_limit
    return Decimal(fallback)


def far_touch(
    side: TradeSide, view: MarketView | None, limits: RiskLimits, now: datetime
) -> Decimal | None:
    """What this side pays to trade at once; None when that is unknown or too old."""
    if view is None or (now - view.as_of).total_seconds() > limits.max_market_age_seconds:
        return None
    return view.ask if side is TradeSide.BUY else view.bid
