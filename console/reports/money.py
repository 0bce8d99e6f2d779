"""The plots of a day's money: the equity, and the losses against their limits."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from console.output import utc
from console.pictures.picture import Role
from console.pictures.time_lines import Level, Series, Span, over_time
from console.reports.document import UNKNOWN, Block, Note, Plot, Section, Table, pairs_of, words

Points = Sequence[tuple[datetime, Decimal]]


def money_section(money: Mapping[str, Any]) -> Section:
    """Equity, profit and drawdown, beside the limits that they are compared with."""
    rows = (
        ("equity at the start", money["start"]),
        ("equity at the end", money["end"]),
        ("profit and loss", money["pnl"]),
        ("lowest equity", money["low"]),
        ("highest equity ever", money["peak"]),
        ("deposits and withdrawals", money["cash_flows"]),
    )
    return Section(
        "Money",
        (
            *_plots(money),
            _use("loss of the day", money["loss_share"], money["loss_limit"]),
            _use("drawdown from the peak", money["drawdown_share"], money["drawdown_limit"]),
            pairs_of("Equity in quote currency", rows),
        ),
    )


def _use(name: str, share: float | None, limit: Decimal) -> Note:
    if share is None:
        return Note(f"{name}: unknown, limit {limit:.2%}", "dim")
    return Note(f"{name}: {share:.2%} of {limit:.2%}", "bad" if share >= float(limit) else "good")


def _plots(money: Mapping[str, Any]) -> tuple[Block, ...]:
    points: Points = money["equity"]
    if len(points) < 2:
        return (Note("The equity was read less than twice, so that there is no curve.", "dim"),)
    span = Span(points[0][0], points[-1][0])
    start = money["start"]
    levels = () if start is None else (Level("start of the day", start, Role.PLAN),)
    told = f"equity from {words(points[0][1])} to {words(points[-1][1])}"
    curve = over_time((Series("equity", points),), levels, span, unit="quote currency", told=told)
    return (
        Plot(curve, f"Read from {utc(span.begin)} to {utc(span.end)}."),
        _against_limits(money, points, span),
    )


def _against_limits(money: Mapping[str, Any], points: Points, span: Span) -> Plot:
    losses, falls = _losses(money, points), _falls(money, points)
    series = []
    if losses:
        series.append(Series("loss of the day", _percent(losses), Role.SERIES))
    if falls:
        series.append(Series("drawdown from the peak", _percent(falls), Role.THIRD))
    levels = (
        Level(f"loss limit {money['loss_limit']:.2%}", 100 * money["loss_limit"]),
        Level(f"drawdown limit {money['drawdown_limit']:.2%}", 100 * money["drawdown_limit"],
              Role.BAD),
    )  # fmt: skip
    told = (
        f"largest loss of the day {_largest(losses)} of {money['loss_limit']:.2%}, "
        f"largest drawdown {_largest(falls)} of {money['drawdown_limit']:.2%}"
    )
    caption = "Losses are compared with the limits in force now."
    if money["comparable_since"] is not None:
        since = utc(money["comparable_since"])
        caption += f" They begin at {since}, with the last cash flow or new start."
    if money["peak_at"] is not None and money["peak_at"] > span.begin:
        caption += f" The drawdown begins at its peak, {utc(money['peak_at'])}."
    picture = over_time(series, levels, span, unit="%", told=told)
    return Plot(picture, caption, _table(points, dict(losses), dict(falls)))


def _losses(money: Mapping[str, Any], points: Points) -> Points:
    """The loss since the day's start, as a share, where it can be compared with it."""
    start = money["start"]
    if not start or start <= 0:
        return ()
    return [
        (at, max(Decimal(0), (start - equity) / start)) for at, equity in _comparable(money, points)
    ]


def _falls(money: Mapping[str, Any], points: Points) -> Points:
    """The share under the peak. Before the peak was reached, the one of then is not known."""
    peak, peak_at = money["peak"], money["peak_at"]
    if not peak or peak <= 0:
        return ()
    return [
        (at, max(Decimal(0), (peak - equity) / peak))
        for at, equity in _comparable(money, points)
        if peak_at is None or at >= peak_at
    ]


def _comparable(money: Mapping[str, Any], points: Points) -> Points:
    """The readings in the money of now: those before a cash flow are not."""
    since = money["comparable_since"]
    return [(at, equity) for at, equity in points if since is None or at >= since]


def _percent(shares: Points) -> Points:
    return [(at, 100 * share) for at, share in shares]


def _largest(shares: Points) -> str:
    return f"{max(share for _, share in shares):.2%}" if shares else "unknown"


def _table(
    points: Points, losses: Mapping[datetime, Decimal], falls: Mapping[datetime, Decimal]
) -> Table:
    """The last reading of each hour."""
    hours = {(at.date(), at.hour): (at, equity) for at, equity in points}
    return Table(
        "The last reading of each hour",
        ("read", "equity", "loss of the day", "drawdown"),
        tuple(
            (utc(at), words(equity), _share(losses.get(at)), _share(falls.get(at)))
            for at, equity in hours.values()
        ),
    )


def _share(share: Decimal | None) -> str:
    return UNKNOWN if share is None else f"{share:.3%}"
