"""Counts the market's volume since a parent's start, over restarts of the feed.

The feed's counter starts anew with the feed. A parent stores the last counter and its own count.
The volume while no feed ran is missing, which makes shares of volume smaller, never larger.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.risk.codec import moment_text
from bot.risk.snapshot import MarketView
from models.amounts import ZERO, plain


def started(view: MarketView | None) -> dict[str, Any] | None:
    """The mark of a parent that starts now; None when the market's counter is not known."""
    if view is None or view.traded_qty is None or view.traded_since is None:
        return None
    return _mark(moment_text(view.traded_since), view.traded_qty, ZERO)


def counted(
    mark: Mapping[str, Any] | None, view: MarketView | None
) -> tuple[Decimal, dict[str, Any] | None]:
    """Base quantity traded since the start, and the mark to store."""
    if view is None or view.traded_qty is None or view.traded_since is None:
        return (ZERO if mark is None else Decimal(mark["counted"])), _same(mark)
    since = moment_text(view.traded_since)
    if mark is None:
        return ZERO, _mark(since, view.traded_qty, ZERO)
    before = Decimal(mark["counter"]) if mark["since"] == since else ZERO
    # A counter that ran backwards under the same start is broken: nothing is subtracted.
    total = Decimal(mark["counted"]) + max(ZERO, view.traded_qty - before)
    return total, _mark(since, view.traded_qty, total)


def _same(mark: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if mark is None else dict(mark)


def _mark(since: str, counter: Decimal, total: Decimal) -> dict[str, Any]:
    return {"since": since, "counter": plain(counter), "counted": plain(total)}
