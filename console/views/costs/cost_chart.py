"""Pictures of costs (PNG): by algorithm, and one trade from its decision to its last fill.

Matplotlib takes a second to import: only the command that draws may import this module.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from bot.market.bars import MINUTE, Bar
from bot.tca.analysis import TradeCost
from bot.tca.resampling import Estimate
from bot.tca.summary import AlgorithmSummary, by_algorithm
from bot.tca.trade import Fill
from console.output import replacing
from console.reports.progress import fills_of, plan_of

# Paul Tol's bright scheme: colour-blind people tell these colours apart, too.
_BLUE, _RED, _YELLOW, _GREEN, _PURPLE = "#4477aa", "#ee6677", "#ccbb44", "#228833", "#aa3377"
_GREY, _INK = "#8a8a8a", "#222222"
_DPI = 150
_AROUND = timedelta(minutes=5)
"""The market is shown from this long before the decision until this long after the last fill."""
_PADDING = timedelta(seconds=30)


def by_algorithm_figure(trades: Sequence[TradeCost]) -> Figure:
    """The mean parts of the cost as bars, with the mean total and its 95 % interval above them."""
    summaries = by_algorithm(trades)
    figure = Figure(figsize=(9.0, 1.9 + 1.15 * max(1, len(summaries))), layout="constrained")
    axes = figure.subplots()
    count = sum(one.trades for one in summaries)
    axes.set_title(f"Cost by algorithm, {count} ended trades", loc="left", fontweight="bold")
    axes.set_xlabel("bps of the approved quantity at the decision's price; positive is a cost")
    _quiet(axes)
    if not summaries:
        return _empty(figure, axes, "no trades have ended")
    for row, one in enumerate(summaries):
        _draw_algorithm(axes, row, one)
        if row:
            axes.axhline(row - 0.5, color="#dddddd", linewidth=0.8)
    axes.axvline(0.0, color=_GREY, linewidth=1.0, zorder=0)
    axes.set_yticks(range(len(summaries)), [_name(one) for one in summaries])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(summaries) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize="small")
    return figure


def trade_figure(trade: TradeCost, bars: Sequence[Bar] = ()) -> Figure:
    """The market's minutes with our fills and benchmarks. The progress is below."""
    figure = Figure(figsize=(11.0, 6.8), layout="constrained")
    price, progress = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, 1.0))
    figure.suptitle(_title(trade), x=0.01, ha="left", fontweight="bold")
    fills = fills_of(trade)
    first, last = _span(trade, fills)
    around = [b for b in bars if b.end >= first - _AROUND and b.start <= last + _AROUND]
    left = min([first - _PADDING, *(bar.start for bar in around)])
    right = max([last + _PADDING, *(bar.end for bar in around)])
    _draw_market(price, around)
    _draw_benchmarks(price, trade, left, right)
    _draw_fills(price, trade, fills)
    _draw_progress(progress, trade, fills, last)
    progress.set_xlim(_x(left), _x(right))
    price.set_ylabel("price")
    price.ticklabel_format(axis="y", style="plain", useOffset=False)
    price.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize="small")
    progress.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize="small")
    locator = AutoDateLocator(tz=UTC)
    progress.xaxis.set_major_locator(locator)
    progress.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))
    progress.set_xlabel("UTC")
    for axes in (price, progress):
        _quiet(axes)
        axes.grid(color="#ececec", linewidth=0.8)
        axes.set_axisbelow(True)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes the picture as PNG in one step, so that a reader never sees half of it."""
    with replacing(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=_DPI)


def _draw_algorithm(axes: Axes, row: int, one: AlgorithmSummary) -> None:
    parts: tuple[tuple[str, Estimate, str], ...] = (
        ("delay", one.delay_bps, _BLUE),
        ("trading", one.trading_bps, _RED),
        ("opportunity", one.opportunity_bps, _YELLOW),
        ("fees", one.fees_bps, _GREY),
    )
    for place, (name, part, colour) in enumerate(parts):
        label = name if row == 0 else None
        axes.barh(row - 0.12 + 0.15 * place, part.value, 0.13, color=colour, label=label)
    total = one.total_bps
    low, high = total.low, total.high
    errors = None
    if low is not None and high is not None:
        errors = [[total.value - low], [high - total.value]]
    axes.errorbar(
        total.value,
        row - 0.3,
        xerr=errors,
        fmt="o",
        color=_INK,
        capsize=3.0,
        markersize=5.0,
        label="total with 95 % interval" if row == 0 else None,
    )
    axes.annotate(
        f"{total.value:.2f}",
        (total.value if high is None else high, row - 0.3),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize="small",
        color=_INK,
    )


def _draw_market(axes: Axes, bars: Sequence[Bar]) -> None:
    if not bars:
        return
    times = [_x(bar.start + MINUTE / 2) for bar in bars]
    axes.vlines(
        times,
        [float(bar.low) for bar in bars],
        [float(bar.high) for bar in bars],
        color="#c9d3de",
        linewidth=3.0,
        label="minutes, low to high",
    )
    path = [(_x(bar.start), float(bar.open)) for bar in bars]
    path.append((_x(bars[-1].end), float(bars[-1].close)))
    axes.plot(*zip(*path, strict=True), color=_BLUE, linewidth=1.2, label="minutes, at their edges")


def _draw_benchmarks(axes: Axes, trade: TradeCost, left: datetime, right: datetime) -> None:
    lines: tuple[tuple[str, Decimal | None, str, str], ...] = (
        ("decision", trade.prices.decision, _INK, "-"),
        ("first order", trade.prices.first_order, _YELLOW, "--"),
        ("market's VWAP", trade.market.vwap, _PURPLE, "-."),
        ("our average", trade.cost.average, _GREEN, ":"),
    )
    for name, value, colour, style in lines:
        if value is not None:
            axes.plot(
                (_x(left), _x(right)),
                (float(value), float(value)),
                color=colour,
                linestyle=style,
                linewidth=1.3,
                label=f"{name} {value:,.8g}",
            )


def _draw_fills(axes: Axes, trade: TradeCost, fills: Sequence[Fill]) -> None:
    """Draws larger fills as larger marks. A taker's mark points the way it trades; a maker's is a
    ring."""
    kinds = (
        ("taker's fills", False, "^" if trade.side.sign > 0 else "v", _RED, _RED),
        ("maker's fills", True, "o", "white", _GREEN),
    )
    largest = max((fill.part.qty for fill in fills), default=Decimal(1))
    for name, is_maker, mark, face, edge in kinds:
        shown = [fill for fill in fills if fill.part.is_maker is is_maker]
        if shown:
            axes.scatter(
                [_x(fill.executed_at) for fill in shown],
                [float(fill.part.price) for fill in shown],
                s=[18.0 + 60.0 * float(fill.part.qty / largest) for fill in shown],
                marker=mark,
                facecolors=face,
                edgecolors=edge,
                linewidths=1.2,
                zorder=3,
                label=f"{len(shown)} {name}",
            )


def _draw_progress(axes: Axes, trade: TradeCost, fills: Sequence[Fill], last: datetime) -> None:
    """Draws the filled quantity over time, against the plan if the algorithm made one
    beforehand."""
    start = trade.decided_at
    xs, ys = _stairs([(f.executed_at, f.part.qty) for f in fills], start, last, trade.qty)
    axes.plot(xs, ys, color=_GREEN, linewidth=2.2, drawstyle="steps-post", label="filled")
    plan = plan_of(trade)
    if plan:
        xs, ys = _stairs([(child.planned_at, child.qty) for child in plan], start, last, trade.qty)
        axes.plot(
            xs, ys, color=_INK, linewidth=1.0, linestyle="--", drawstyle="steps-post",
            label="planned",
        )  # fmt: skip
    axes.set_ylim(-4.0, 104.0)
    axes.set_yticks((0, 25, 50, 75, 100))
    axes.set_ylabel("% of approved")


def _stairs(
    steps: Sequence[tuple[datetime, Decimal]], start: datetime, last: datetime, whole: Decimal
) -> tuple[list[float], list[float]]:
    """Running sums in percent of `whole`, from 0 at the start to the end of the picture."""
    done = Decimal(0)
    xs, ys = [_x(start)], [0.0]
    for at, qty in steps:
        done += qty
        xs.append(_x(at))
        ys.append(float(100 * done / whole))
    return [*xs, max(xs[-1], _x(last))], [*ys, ys[-1]]


def _span(trade: TradeCost, fills: Sequence[Fill]) -> tuple[datetime, datetime]:
    known = [trade.decided_at, *(fill.executed_at for fill in fills)]
    known += [child.planned_at for child in trade.children]
    return min(known), max(known)


def _title(trade: TradeCost) -> str:
    cost = trade.cost
    return (
        f"{trade.request_id}: {trade.algorithm} {trade.side} {trade.symbol}, "
        f"{cost.filled:f} of {trade.qty:f}, {cost.bps:.2f} bps"
        f"{'' if trade.is_final else ' so far'}"
    )


def _name(one: AlgorithmSummary) -> str:
    return f"{one.algorithm}\n{one.trades} trade{'' if one.trades == 1 else 's'}"


def _x(moment: datetime) -> float:
    return float(date2num(moment))


def _quiet(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)


def _empty(figure: Figure, axes: Axes, words: str) -> Figure:
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=_GREY)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure
