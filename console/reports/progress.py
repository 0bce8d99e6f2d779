"""The planned and the filled quantity of a trade over time."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from bot.tca.analysis import ChildCost, TradeCost
from bot.tca.trade import Fill
from console.pictures.picture import Picture, Role
from console.pictures.time_lines import Series, Span, Steps, over_time, running

_HUNDRED = Decimal(100)


def plan_of(trade: TradeCost) -> list[ChildCost]:
    """The first attempts by time. None where they exceed the quantity, because steps decided and
    re-priced under way."""
    first = [child for child in trade.children if child.attempt == 0]
    if sum((child.qty for child in first), Decimal(0)) > trade.qty:
        return []
    return sorted(first, key=lambda child: child.planned_at)


def fills_of(trade: TradeCost) -> list[Fill]:
    """The fills of all orders by time."""
    fills = (fill for child in trade.children for fill in child.fills)
    return sorted(fills, key=lambda fill: fill.executed_at)


def progress_picture(trade: TradeCost) -> Picture:
    """The filled share of the quantity as a staircase, and the planned one where it was planned
    beforehand."""
    planned = [(child.planned_at, child.qty) for child in plan_of(trade)]
    done = [(fill.executed_at, fill.part.qty) for fill in fills_of(trade)]
    moments = [trade.decided_at, *(at for at, _ in (*planned, *done))]
    span = Span(min(moments), max(moments))
    series = [Series("filled", _shares(done, span, trade.qty), Role.SERIES, stepped=True)]
    if planned:
        points = _shares(planned, span, trade.qty)
        series.append(Series("planned", points, Role.PLAN, stepped=True))
    told = f"{_share(done, trade.qty)} of the quantity is filled"
    if planned:
        told += f"; {_share(planned, trade.qty)} was planned beforehand"
    return over_time(series, (), span, unit="% of the quantity", told=told)


def _shares(steps: Steps, span: Span, whole: Decimal) -> Sequence[tuple[datetime, Decimal]]:
    begun = (span.begin, Decimal(0))
    return [begun, *((at, _HUNDRED * sum_ / whole) for at, sum_ in running(steps, span.end))]


def _share(steps: Steps, whole: Decimal) -> str:
    return f"{sum((qty for _, qty in steps), Decimal(0)) / whole:.0%}"
