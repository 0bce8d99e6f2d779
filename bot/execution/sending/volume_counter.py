"""Counts the market's volume since a parent's start, over restarts of the feed.

The feed's counter starts anew with the feed. A parent stores the last counter and its own count.
The volume while no feed ran is missing, which makes shares of volume smaller, never larger.
"""

from decimal import Decimal

from bot.risk.snapshot import MarketView
from models.amounts import ZERO
from models.documents.orders import VolumeMark


def started(view: MarketView | None) -> VolumeMark | None:
    """The mark of a parent that starts now; None when the market's counter is not known."""
    if view is None or view.traded_qty is None or view.traded_since is None:
        return None
    return VolumeMark(view.traded_since, view.traded_qty, ZERO)


def counted(mark: VolumeMark | None, view: MarketView | None) -> tuple[Decimal, VolumeMark | None]:
    """Base quantity traded since the start, and the mark to store."""
    if view is None or view.traded_qty is None or view.traded_since is None:
        return (ZERO if mark is None else mark.counted), mark
    since = view.traded_since
    if mark is None:
        return ZERO, VolumeMark(since, view.traded_qty, ZERO)
    before = mark.counter if mark.since == since else ZERO
    # A counter that ran backwards under the same start is broken: nothing is subtracted.
    total = mark.counted + max(ZERO, view.traded_qty - before)
    return total, VolumeMark(since, view.traded_qty, total)
