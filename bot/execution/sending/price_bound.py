"""The price bound of a child: from the touch by the allowed slippage.

An entry never passes its parent's limit, which the decision fixed. An exit follows the market: each
attempt is anchored at the present touch, bounded by its slippage and the strategy's own limit.
Neither passes the venue's price band if that is known.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.execution.orders import price_band
from bot.execution.policy.exit_bounds import ExitBounds, nearest_tick
from bot.execution.policy.planning import round_to_tick
from bot.execution.policy.scheduling import slippage_share
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from models.enums import TradeSide
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow

_BPS = 10_000


@dataclass(frozen=True, slots=True)
class Pricing:
    """The inputs of a child's price besides its own rows and its parent's."""

    view: MarketView | None
    rules: InstrumentRow | None
    limits: RiskLimits
    now: datetime

    def touch(self, side: TradeSide) -> Decimal | None:
        """The price at which this side trades at once; None when it is unknown or too old."""
        return far_touch(side, self.view, self.limits, self.now)


def bound(parent: ParentOrderRow, child: ChildOrderRow, at: Pricing) -> Decimal | None:
    """The worst price of this child; a resting child's own price, where the limit still allows it.

    None when the market is unknown or stale and the child would add risk. An exit goes out even
    then, by the last known price.
    """
    side, view, rules = parent.side, at.view, at.rules
    better = min if side is TradeSide.BUY else max
    exit_ = ExitBounds.of(parent.params)
    if exit_ is not None:
        if child.rests and child.price is not None:
            return child.price if exit_.limit is None else better(child.price, exit_.limit)
        return exit_limit(parent, exit_, child.bound_bps, at)
    limit = _fixed_limit(parent, child)
    if not parent.reduce_only:
        limit = within_band(limit, side, view, rules)
    resting = None if not child.rests or child.price is None else better(child.price, limit)
    touch = at.touch(side)
    if view is None or touch is None or rules is None:
        return (resting or limit) if parent.reduce_only else None
    if resting is not None:
        return resting
    share = slippage_share(at.limits) if child.bound_bps is None else child.bound_bps / _BPS
    tick = rules.tick_size.normalize()
    wanted = round_to_tick(better(touch * (1 + side.sign * share), limit), tick, side)
    return (
        wanted
        if parent.reduce_only
        else _worth_enough(wanted, side, child.qty, rules, touch, limit)
    )


def within_band(
    limit: Decimal, side: TradeSide, view: MarketView | None, rules: InstrumentRow | None
) -> Decimal:
    """The limit of an entry, or the venue's band where that is known and stricter."""
    if view is None or rules is None:
        return limit
    band = price_band.worst_allowed(side, view, rules, with_premium=False)
    if band is None:
        return limit
    return (min if side is TradeSide.BUY else max)(
        limit, nearest_tick(band, rules.tick_size.normalize(), side)
    )


def _worth_enough(
    wanted: Decimal,
    side: TradeSide,
    qty: Decimal,
    rules: InstrumentRow,
    touch: Decimal,
    limit: Decimal,
) -> Decimal:
    """A bound at which the venue counts enough notional, if one still trades at the touch.

    The market may have fallen since the child was sized: a purchase's bound may go up to its
    limit, a sale's to the touch.
    """
    tick = rules.tick_size.normalize()
    needed = nearest_tick(rules.min_notional / qty, tick, TradeSide.SELL)
    if wanted >= needed:
        return wanted
    highest = limit if side is TradeSide.BUY else touch
    return needed if needed <= highest else wanted


def exit_limit(
    parent: ParentOrderRow, exit_: ExitBounds, bound_bps: Decimal | None, at: Pricing
) -> Decimal:
    """The worst price that an exit takes now: the touch and its own bound, within the venue's band;
    without a touch the last known price and the widest bound."""
    side, view, rules = parent.side, at.view, at.rules
    better = min if side is TradeSide.BUY else max
    anchor = at.touch(side)
    share = (bound_bps or exit_.bound_bps) / _BPS
    band = None
    if anchor is None:
        mark = None if view is None else view.mark
        anchor = _any_touch(side, view) or mark or parent.reference_price
        share = exit_.widest_share if bound_bps is None else share
    elif view is not None and rules is not None:
        band = price_band.worst_allowed(side, view, rules, with_premium=True)
    if band is None:
        wanted = anchor * (1 + side.sign * min(share, exit_.widest_share))
    else:
        wanted = better(anchor * (1 + side.sign * share), band)
    if exit_.limit is not None:
        wanted = better(wanted, exit_.limit)
    if rules is None:
        # Without a tick size only a price that was on the grid before is valid.
        return exit_.limit or parent.price_limit
    return nearest_tick(wanted, rules.tick_size.normalize(), side)


def worst_price(parent: ParentOrderRow, child: ChildOrderRow) -> Decimal | None:
    """The price past which the child waits for the market to come back; None when it follows the
    market."""
    exit_ = ExitBounds.of(parent.params)
    return _fixed_limit(parent, child) if exit_ is None else exit_.limit


def _fixed_limit(parent: ParentOrderRow, child: ChildOrderRow) -> Decimal:
    """The parent's limit, or the wider one that a fallback step gave this child."""
    fallback = parent.params.get("fallback_limit")
    if child.bound_bps is None or fallback is None:
        return parent.price_limit
    return Decimal(fallback)


def far_touch(
    side: TradeSide, view: MarketView | None, limits: RiskLimits, now: datetime
) -> Decimal | None:
    """The price at which this side trades at once; None when it is unknown or too old."""
    if view is None or (now - view.as_of).total_seconds() > limits.max_market_age_seconds:
        return None
    return _any_touch(side, view)


def _any_touch(side: TradeSide, view: MarketView | None) -> Decimal | None:
    """The same price at any age; the cache forgets it after a minute."""
    if view is None:
        return None
    return view.ask if side is TradeSide.BUY else view.bid
