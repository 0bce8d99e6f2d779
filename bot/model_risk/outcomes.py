"""When a prediction's outcome is known, and what it is, by the market's minutes."""

from datetime import datetime, timedelta
from decimal import Decimal

from bot.market.bars import MINUTE
from models.enums import TradeSide

DEFAULT_HORIZON = timedelta(minutes=5)
"""The horizon of a request that names none."""
LONGEST_HORIZON = timedelta(days=1)


def window(predicted_at: datetime, horizon_seconds: float | None) -> tuple[datetime, datetime]:
    """The first and the last moment whose prices are compared: ends of minutes, and at least one
    minute apart."""
    start = next_minute(predicted_at)
    horizon = DEFAULT_HORIZON
    if horizon_seconds is not None:
        horizon = min(timedelta(seconds=horizon_seconds), LONGEST_HORIZON)
    return start, max(next_minute(predicted_at + horizon), start + MINUTE)


def next_minute(moment: datetime) -> datetime:
    """The end of the minute of this moment; a full minute is its own."""
    floor = moment.replace(second=0, microsecond=0)
    return floor if floor == moment else floor + MINUTE


def outcome(side: TradeSide, start: Decimal | None, end: Decimal | None) -> float | None:
    """1 if the price moved as predicted, 0 if against it; None if it didn't move or isn't known."""
    if start is None or end is None or start == end:
        return None
    return 1.0 if (end > start) == (side is TradeSide.BUY) else 0.0
