"""Turns a parent's rows and the market into the inputs of its algorithm's pure step."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from bot.execution.algorithms.algorithm import ThrottleFactors
from bot.execution.algorithms.stepping import LiveChild, Progress, Touch
from bot.execution.orders import fallback_rows
from bot.execution.sending import price_bound
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from models.amounts import ZERO
from models.documents.orders import Throttle
from models.enums import TradeSide
from models.tables import ChildOrderRow, ParentOrderRow

_HURRIED_MARGIN = timedelta(seconds=1)
"""The least time that a hurried exit keeps to cross."""


def factors(pace: Throttle | None, parent: ParentOrderRow) -> ThrottleFactors:
    """The effect of the throttle and of earlier failures on the next child."""
    size = fallback_rows.size_factor(parent)
    return (
        ThrottleFactors(size=size)
        if pace is None
        else ThrottleFactors(pace.speed, pace.size * size)
    )


def progress_of(
    parent: ParentOrderRow, children: Sequence[ChildOrderRow], pace: Throttle | None, now: datetime
) -> Progress:
    """The parent's progress. Its total excludes the released quantity: the algorithm works the
    rest."""
    return Progress(
        total=parent.approved_qty - parent.released_qty,
        filled=parent.filled_qty,
        children=tuple(_live(child) for child in children),
        start_at=parent.start_at,
        deadline_at=_deadline(parent, pace, now),
        now=now,
    )


def _deadline(parent: ParentOrderRow, pace: Throttle | None, now: datetime) -> datetime:
    """The deadline of a hurried exit: its horizon divided by its speed, never too short to work
    it."""
    if pace is None or pace.speed <= 1 or now >= parent.deadline_at:
        return parent.deadline_at
    hurried = parent.start_at + (parent.deadline_at - parent.start_at) / float(pace.speed)
    return min(parent.deadline_at, max(hurried, now + _HURRIED_MARGIN))


def _live(child: ChildOrderRow) -> LiveChild:
    return LiveChild(
        slot=child.slot,
        qty=child.qty,
        filled=child.filled_qty,
        price=child.price,
        style=child.style,
        placed_at=child.sent_at or child.planned_at,
        final=child.state.is_final,
        cancel_requested=child.cancel_requested_at is not None,
    )


def touch_of(
    side: TradeSide, view: MarketView | None, traded: Decimal, limits: RiskLimits, now: datetime
) -> Touch:
    """The market at the touch; an unknown or old one is unusable, and no child is priced by it."""
    if view is None or price_bound.far_touch(side, view, limits, now) is None:
        return Touch(ZERO, ZERO, ZERO, ZERO, traded)
    return Touch(
        bid=view.bid or ZERO,
        ask=view.ask or ZERO,
        bid_size=view.bids[0][1] if view.bids else ZERO,
        ask_size=view.asks[0][1] if view.asks else ZERO,
        traded_volume_since_start=traded,
    )
