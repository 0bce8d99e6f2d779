"""The costs of trades as a document: of many by algorithm, or of one order by order."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from bot.tca.analysis import TradeCost
from bot.tca.service import Costs
from bot.tca.shortfall import EXACT, in_bps
from bot.tca.split import split, split_by_algorithm
from bot.tca.summary import by_algorithm
from console.output import utc
from console.pictures.picture import Role
from console.pictures.rows import Group, Row, rows_picture
from console.reports.cost_plots import (
    MOST_ROWS,
    UNIT,
    bps,
    predicted,
    progress,
    slippage,
    slippage_of,
    split_parts,
    trades_word,
)
from console.reports.document import (
    UNKNOWN,
    Block,
    Document,
    Frame,
    Note,
    Plot,
    Section,
    Table,
    pairs_of,
    words,
)
from console.views.costs.cost_report import impact_fit
from models.amounts import ZERO

_MOST_BARS = 40
"""So many orders are drawn one by one; the table has more of them."""


def costs_document(found: Costs, frame: Frame) -> Document:
    """The costs of many trades by algorithm, and how the costliest was worked."""
    summaries = by_algorithm(found.trades)
    sections = [
        Section("Result", _result(found)),
        Section("Slippage against arrival", (slippage(summaries),)),
        Section("The cost by cause", (split_parts(split_by_algorithm(found.trades), summaries),)),
        Section("Predicted against measured impact", predicted(found.trades)),
    ]
    costliest = max(
        (trade for trade in found.trades if trade.is_final and trade.children),
        key=lambda trade: trade.cost.total,
        default=None,
    )
    if costliest is not None:
        title = f"Planned against done: the costliest trade, {costliest.request_id}"
        sections.append(Section(title, (_told(costliest), progress(costliest))))
    sections.append(Section("Trades", (_trades(found.trades),)))
    return Document(frame, (*sections, *_problems(found)))


def trade_document(found: Costs, trade: TradeCost, frame: Frame) -> Document:
    """The costs of one trade, order by order."""
    return Document(
        frame,
        (
            Section("Result", (_told(trade), *_of_one(trade))),
            Section("Planned against done", (progress(trade),)),
            Section("Slippage of orders against their arrival", (_orders(trade),)),
            Section("The cost by cause", (_split_of(trade),)),
            Section("Predicted against measured impact", (_predicted_of(trade),)),
            *_problems(found),
        ),
    )


def newest_fact(trades: Iterable[TradeCost]) -> datetime | None:
    """The newest decision, sending or fill of the trades."""
    moments = []
    for trade in trades:
        moments.append(trade.decided_at)
        for child in trade.children:
            moments += [fill.executed_at for fill in child.fills]
            if child.sent_at is not None:
                moments.append(child.sent_at)
    return max(moments, default=None)


def _result(found: Costs) -> tuple[Block, ...]:
    ended = [trade for trade in found.trades if trade.is_final and not trade.is_void]
    total = sum((trade.cost.total for trade in ended), ZERO)
    rows = (
        ("trades", len(found.trades)),
        ("ended, and counted here", len(ended)),
        ("under way, left out", sum(not trade.is_final for trade in found.trades)),
        (
            "void, left out",
            sum(trade.is_final and trade.is_void for trade in found.trades),
        ),
        ("problems", len(found.problems)),
        ("approved notional, quote currency", words(_notional(ended))),
        ("cost of all, quote currency", words(total)),
    )
    return (pairs_of("Trades and their cost", rows), Note(_law(found.trades), "dim"))


def _notional(trades: Sequence[TradeCost]) -> Decimal:
    total = ZERO
    for trade in trades:
        total = EXACT.add(total, EXACT.multiply(trade.qty, trade.prices.decision))
    return total


def _law(trades: Sequence[TradeCost]) -> str:
    fit = impact_fit(trades)
    if fit["refused"] is not None:
        return f"Impact law: {fit['refused']}."
    return (
        f"Impact law: Y = {fit['coefficient']:.3f} [{fit['low']:.3f}, {fit['high']:.3f}] of "
        f"{trades_word(fit['points'])}."
    )


def _told(trade: TradeCost) -> Note:
    cost = trade.cost
    so_far = "" if trade.is_final else " It is under way: this is so far."
    return Note(
        f"{trade.algorithm} {trade.side} {trade.symbol}: {words(cost.filled)} of "
        f"{words(trade.qty)} filled, cost {words(cost.total)} in quote currency, "
        f"{bps(cost.bps)} bps.{so_far}"
    )


def _of_one(trade: TradeCost) -> tuple[Block, ...]:
    cost, prices, market = trade.cost, trade.prices, trade.market
    money = Table(
        "Parts that add up to the total",
        ("part", "quote currency", "measured from"),
        (
            ("delay", words(cost.delay), f"{trade.first_order_basis}, {words(prices.first_order)}"),
            ("trading", words(cost.trading), f"average {words(cost.average)}"),
            ("opportunity", words(cost.opportunity), f"{trade.end_basis}, {words(prices.end)}"),
            ("fees", words(cost.fees), f"maker share {words(trade.maker_share)}"),
            ("total", words(cost.total), f"{trade.decision_basis}, {words(prices.decision)}"),
        ),
    )
    rows = (
        ("strategy", trade.strategy),
        ("state", trade.state),
        ("decided", trade.decided_at),
        ("against VWAP, bps", market.vwap_bps),
        ("against TWAP, bps", market.twap_bps),
        ("share of the market's volume", market.participation),
        ("came back after 1 minute, bps", market.reversion_1m_bps),
        ("came back after 5 minutes, bps", market.reversion_5m_bps),
    )
    return (money, pairs_of("The trade and the market", rows))


def _orders(trade: TradeCost) -> Block:
    """Each filled order against the mid that it met; the order's own table stands above."""
    known = [(child, slippage_of(child)) for child in trade.children]
    shown = [(child, value) for child, value in known if value is not None]
    if not shown:
        return Note("No order has fills and a stored market at its sending.", "dim")
    rows = [
        Row(f"slice {child.slot}, try {child.attempt}, {child.style}", value, f"{bps(value)} bps")
        for child, value in shown[:_MOST_BARS]
    ]
    caption = "A dot is one order's average fill against the mid when it went out."
    if len(shown) > len(rows):
        caption += f" The first {len(rows)} of {len(shown)} filled orders are drawn."
    values = [value for _, value in shown]
    orders = f"{len(values)} order{'' if len(values) == 1 else 's'}"
    told = f"slippage of {orders}, {bps(min(values))} to {bps(max(values))} bps"
    return Plot(rows_picture((Group("", rows),), "bps of the order's arrival price", told), caption)


def _split_of(trade: TradeCost) -> Plot:
    parts = split(trade)
    named = [
        ("timing", parts.timing, Role.FIRST),
        ("spread", parts.spread, Role.SECOND),
        ("impact", parts.impact, Role.THIRD),
        ("opportunity", parts.opportunity, Role.FOURTH),
        ("fees", parts.fees, Role.FIFTH),
    ]
    if trade.realised_impact_bps is None:
        named[1:3] = [("spread and impact, not split", parts.unsplit, Role.SIXTH)]
    bars = [Row(name, part, f"{bps(part)} bps", role, is_bar=True) for name, part, role in named]
    bars.append(Row("total", trade.cost.bps, f"{bps(trade.cost.bps)} bps", Role.INK))
    rows = tuple((bar.name, bar.shown) for bar in bars)
    told = "cost in bps by cause: " + ", ".join(f"{name} {shown}" for name, shown in rows)
    return Plot(
        rows_picture((Group("", bars),), UNIT, told),
        "The parts add up to the total. One trade is mostly the market's noise.",
        Table("Cost by cause", ("part", "bps"), rows),
    )


def _predicted_of(trade: TradeCost) -> Block:
    expected, measured = trade.expected_impact_bps, trade.realised_impact_bps
    rows = (
        Row("predicted by the gate", expected, _in_bps(expected), Role.DIM),
        Row("measured", measured, _in_bps(measured), Role.SERIES),
    )
    if expected is None and measured is None:
        return Note("Neither a predicted nor a measured impact is stored.", "dim")
    told = f"impact predicted {rows[0].shown}, measured {rows[1].shown}"
    return Plot(
        rows_picture((Group("", rows),), "bps; positive is a cost", told),
        "The measured impact is the move from the first order's mid to the fills, without the half "
        "spread.",
        Table("Impact", ("impact", "bps"), tuple((row.name, row.shown) for row in rows)),
    )


def _in_bps(value: Decimal | float | None) -> str:
    return "unknown" if value is None else f"{bps(value)} bps"


def _trades(trades: Sequence[TradeCost]) -> Table:
    costly = sorted(trades, key=lambda trade: trade.cost.total, reverse=True)
    return Table(
        "Trades, the costliest first",
        ("request", "algorithm", "symbol", "side", "decided", "filled", "cost, quote", "cost, bps",
         "against arrival, bps"),
        tuple(
            (
                trade.request_id,
                trade.algorithm,
                trade.symbol,
                trade.side,
                utc(trade.decided_at),
                UNKNOWN if trade.fill_rate is None else f"{trade.fill_rate:.1%}",
                words(trade.cost.total),
                bps(trade.cost.bps),
                bps(in_bps(trade.cost.trading, _notional((trade,)))),
            )
            for trade in costly[:MOST_ROWS]
        ),
        max(0, len(costly) - MOST_ROWS),
    )  # fmt: skip


def _problems(found: Costs) -> tuple[Section, ...]:
    if not found.problems:
        return ()
    notes = tuple(Note(problem, "bad") for problem in found.problems[:MOST_ROWS])
    more = len(found.problems) - len(notes)
    last = (Note(f"{more} more are left out", "dim"),) if more else ()
    return (Section("What could not be computed", (*notes, *last)),)
