"""The venue's price band: the prices between which it takes a futures order now.

Bybit's rule (May 2026), with X and Y out of the trading rules and P the mean premium of the mid
over the mark in the last 30 s: the highest purchase is min(mark(1+Y), max(index, mark(1+X) + max(0,
P))); the lowest sale is its mirror image. A price beyond the band is moved to it or refused, as the
account has set it.
"""

from decimal import Decimal

from bot.risk.snapshot import MarketView
from models.amounts import ZERO
from models.enums import TradeSide
from models.tables import InstrumentRow

_BPS = 10_000


def worst_allowed(
    side: TradeSide, view: MarketView, rules: InstrumentRow, *, with_premium: bool
) -> Decimal | None:
    """The worst price that the venue takes for this side; None when the band is unknown.

    The mean premium isn't published. `with_premium` uses the present premium instead, for the
    widest possible price. Without it the price lies in the band under every premium.
    """
    x, y, mark = rules.price_limit_x, rules.price_limit_y, view.mark
    if x is None or y is None or mark is None:
        return None
    sign, index = side.sign, mark if view.index is None else view.index
    premium = _premium(view, mark) * sign if with_premium else ZERO
    near = mark * (1 + sign * x) + sign * max(ZERO, premium)
    far = mark * (1 + sign * y)
    if side is TradeSide.BUY:
        return min(far, max(index, near))
    return max(far, min(index, near))


def reach_bps(rules: InstrumentRow) -> Decimal | None:
    """The band's widest distance from the mark; None when the venue doesn't publish it."""
    return None if rules.price_limit_y is None else rules.price_limit_y * _BPS


def _premium(view: MarketView, mark: Decimal) -> Decimal:
    if view.bid is None or view.ask is None:
        return ZERO
    return (view.bid + view.ask) / 2 - mark
