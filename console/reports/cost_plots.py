"""The plots of costs, each with the table of its numbers. A positive number is a cost."""

from collections.abc import Sequence
from decimal import Decimal

from bot.tca.analysis import ChildCost, TradeCost
from bot.tca.resampling import Estimate, bootstrap
from bot.tca.shortfall import EXACT, in_bps
from bot.tca.split import AlgorithmSplit
from bot.tca.summary import AlgorithmSummary, ended_by_algorithm
from console.output import utc
from console.pictures.against import against
from console.pictures.picture import Role
from console.pictures.rows import Group, Row, rows_picture
from console.reports.document import UNKNOWN, Block, Note, Plot, Table, words
from console.reports.progress import plan_of, progress_picture

UNIT = "bps of the approved quantity at the decision's price; positive is a cost"
MOST_ROWS = 100
"""So many trades or orders are listed one by one; a CSV (`--csv`) has all of them."""
_MOST_DOTS = 2000
_LARGE = 1e7
"""From this many bps on a number is written with an exponent."""


def bps(value: Decimal | float | None) -> str:
    """A number of bps for a table."""
    if value is None:
        return UNKNOWN
    return f"{value:.2f}" if abs(float(value)) < _LARGE else f"{value:.3e}"


def interval(of: Estimate | None) -> str:
    """An estimate with its 95 % interval, which a single value does not have."""
    if of is None:
        return UNKNOWN
    if of.low is None or of.high is None:
        return f"{bps(of.value)} (one trade)"
    return f"{bps(of.value)} [{bps(of.low)}, {bps(of.high)}]"


def trades_word(count: int) -> str:
    """The number of trades in words."""
    return f"{count} trade{'' if count == 1 else 's'}"


def slippage(summaries: Sequence[AlgorithmSummary]) -> Plot:
    """The fills against the first order's mid, and the whole cost against the decision's."""
    groups = [
        Group(
            f"{one.algorithm}, {trades_word(one.trades)}",
            (
                _dot("fills against arrival", one.trading_bps, Role.SERIES),
                _dot("whole cost against decision", one.total_bps, Role.DIM),
            ),
        )
        for one in summaries
    ]
    table = Table(
        "Slippage by algorithm, mean bps [95 % interval]",
        ("algorithm", "trades", "against arrival", "against decision", "against VWAP"),
        tuple(
            (
                one.algorithm,
                str(one.trades),
                interval(one.trading_bps),
                interval(one.total_bps),
                interval(one.vwap_bps),
            )
            for one in summaries
        ),
    )
    told = "; ".join(f"{one.algorithm} {interval(one.trading_bps)}" for one in summaries)
    return Plot(
        rows_picture(groups, UNIT, f"mean slippage against arrival in bps: {told or 'no trades'}"),
        "A dot is a mean over trades, the line through it its 95 % interval (bootstrap). Arrival "
        "is the mid at the first order.",
        table,
    )


def split_parts(splits: Sequence[AlgorithmSplit], summaries: Sequence[AlgorithmSummary]) -> Plot:
    """The cost of each algorithm by cause."""
    groups, rows, told = [], [], []
    for one, summary in zip(splits, summaries, strict=True):
        parts = _parts(one)
        bars = [_bar(name, part, role) for name, part, role in parts]
        bars.append(_dot("total", summary.total_bps, Role.INK))
        groups.append(Group(f"{one.algorithm}, {trades_word(one.trades)}", bars))
        rows += [(one.algorithm, name, interval(part)) for name, part, _ in parts]
        rows.append((one.algorithm, "total", interval(summary.total_bps)))
        means = ", ".join(f"{name} {bps(part.value)}" for name, part, _ in parts)
        told.append(f"{one.algorithm} {means}")
    return Plot(
        rows_picture(groups, UNIT, f"mean cost in bps by cause: {'; '.join(told) or 'no trades'}"),
        "Timing: the move from the decision to the first order. Spread: the half spread that "
        "takers paid less what makers earned. Impact: the rest of the move from the first order "
        "to the fills. Opportunity: the move that the unfilled part missed. The parts add up to "
        "the total.",
        Table("Cost by cause, mean bps [95 % interval]", ("algorithm", "part", "bps"), tuple(rows)),
    )


def predicted(trades: Sequence[TradeCost]) -> tuple[Block, ...]:
    """The impact that the gate expected against the measured one, trade by trade."""
    known = [trade for trade in trades if trade.is_final and _pair(trade) is not None]
    if not known:
        return (Note("No ended trade has both a predicted and a measured impact.", "dim"),)
    pairs = [pair for trade in known if (pair := _pair(trade)) is not None]
    shown = pairs[-_MOST_DOTS:]
    by_algorithm = Table(
        "Predicted and measured impact by algorithm, mean bps [95 % interval]",
        ("algorithm", "trades", "predicted", "measured", "measured less predicted"),
        tuple(_compared(name, group) for name, group in ended_by_algorithm(known)),
    )
    mean = bootstrap([measured - expected for expected, measured in pairs])
    picture = against(
        shown,
        across="impact that the gate predicted, bps",
        up="measured impact, bps",
        told=f"{trades_word(len(shown))}; measured less predicted impact: {interval(mean)} bps",
    )
    far = sorted(known, key=_error, reverse=True)
    listed = Table(
        "Predicted and measured impact by trade, farthest apart first, bps",
        ("request", "algorithm", "predicted", "measured", "measured less predicted"),
        tuple(map(_one_prediction, far[:MOST_ROWS])),
        max(0, len(far) - MOST_ROWS),
    )
    caption = "A dot over the dashed line cost more than the gate predicted."
    if len(pairs) > len(shown):
        caption += f" Only the newest {len(shown)} of {len(pairs)} trades are drawn."
    return (Plot(picture, caption, by_algorithm), listed)


def progress(trade: TradeCost) -> Plot:
    """The planned and the filled quantity of one trade, with its orders."""
    caption = "Dashed: the quantity that was planned to be out by then. Solid: the filled one."
    if not plan_of(trade):
        caption = "The orders were decided under way, so that there is no plan beforehand."
    orders = trade.children
    table = Table(
        f"Orders of {trade.request_id}",
        ("slice", "try", "style", "state", "planned", "sent", "late ms", "quantity", "filled",
         "average", "against its arrival, bps"),
        tuple(
            (
                str(child.slot),
                str(child.attempt),
                child.style,
                child.state,
                utc(child.planned_at),
                UNKNOWN if child.sent_at is None else utc(child.sent_at),
                UNKNOWN if child.late_ms is None else f"{child.late_ms:.0f}",
                words(child.qty),
                words(child.cost.filled),
                words(child.cost.average),
                bps(slippage_of(child)),
            )
            for child in orders[:MOST_ROWS]
        ),
        max(0, len(orders) - MOST_ROWS),
    )  # fmt: skip
    return Plot(progress_picture(trade), caption, table)


def slippage_of(child: ChildCost) -> Decimal | None:
    """An order's fills against the mid when it went out, in bps of that mid."""
    if child.arrival is None or not child.cost.filled:
        return None
    return in_bps(child.cost.trading, EXACT.multiply(child.cost.filled, child.arrival))


def _parts(one: AlgorithmSplit) -> list[tuple[str, Estimate, Role]]:
    parts = [
        ("timing", one.timing, Role.FIRST),
        ("spread", one.spread, Role.SECOND),
        ("impact", one.impact, Role.THIRD),
        ("opportunity", one.opportunity, Role.FOURTH),
        ("fees", one.fees, Role.FIFTH),
    ]
    if one.split < one.trades:
        parts.insert(3, ("spread and impact, not split", one.unsplit, Role.SIXTH))
    return parts


def _dot(name: str, of: Estimate, role: Role) -> Row:
    return Row(name, of.value, interval(of), role, of.low, of.high)


def _bar(name: str, of: Estimate, role: Role) -> Row:
    return Row(name, of.value, interval(of), role, of.low, of.high, is_bar=True)


def _pair(trade: TradeCost) -> tuple[float, float] | None:
    """The impact that the gate predicted, and the measured one."""
    if trade.expected_impact_bps is None or trade.realised_impact_bps is None:
        return None
    return trade.expected_impact_bps, float(trade.realised_impact_bps)


def _error(trade: TradeCost) -> float:
    pair = _pair(trade)
    return 0.0 if pair is None else abs(pair[1] - pair[0])


def _compared(name: str, group: Sequence[TradeCost]) -> tuple[str, ...]:
    pairs = [pair for trade in group if (pair := _pair(trade)) is not None]
    return (
        name,
        str(len(pairs)),
        interval(bootstrap([expected for expected, _ in pairs])),
        interval(bootstrap([measured for _, measured in pairs])),
        interval(bootstrap([measured - expected for expected, measured in pairs])),
    )


def _one_prediction(trade: TradeCost) -> tuple[str, ...]:
    expected, measured = trade.expected_impact_bps, trade.realised_impact_bps
    pair = _pair(trade)
    difference = None if pair is None else pair[1] - pair[0]
    return (trade.request_id, trade.algorithm, bps(expected), bps(measured), bps(difference))
