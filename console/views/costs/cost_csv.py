"""Costs as CSV: one line per trade, or one per order of a trade."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from bot.tca.analysis import AgainstMarket, ChildCost, TradeCost
from console.output import utc
from models.amounts import shortest

_MARKET_COLUMNS = (
    "vwap", "twap", "vwap_bps", "twap_bps", "participation", "reversion_1m_bps",
    "reversion_5m_bps",
)  # fmt: skip
_TRADE_COLUMNS = (
    "request_id", "strategy", "algorithm", "symbol", "side", "state", "decided_at", "qty",
    "filled", "decision_price", "first_order_price", "end_price", "average_price", "delay",
    "trading", "opportunity", "fees", "total", "total_bps", "fill_rate", "maker_share",
    "expected_impact_bps", "realised_impact_bps", *_MARKET_COLUMNS,
)  # fmt: skip
_ORDER_COLUMNS = (
    "order_link_id", "slot", "attempt", "style", "state", "planned_at", "sent_at", "qty",
    "filled", "decision_price", "arrival_price", "half_spread_bps", "average_price", "delay",
    "trading", "fees", "total", "fill_rate", "maker_share", "realised_impact_bps", "late_ms",
    "ack_ms", *_MARKET_COLUMNS,
)  # fmt: skip


def cost_csv(trades: Iterable[TradeCost]) -> str:
    """The costs of trades, one line each. Numbers have no exponent; a missing one is empty."""
    return _table(_TRADE_COLUMNS, (_trade_row(trade) for trade in trades))


def order_csv(trade: TradeCost) -> str:
    """The orders of one trade, one line each. Their unfilled quantity counts for the trade
    alone."""
    return _table(_ORDER_COLUMNS, (_order_row(trade, child) for child in trade.children))


def cell(value: object) -> str:
    """The value as digits without exponent; empty for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return shortest(Decimal(repr(value)))
    return shortest(value) if isinstance(value, Decimal) else str(value)


def _table(columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return text.getvalue()


def _trade_row(trade: TradeCost) -> tuple[object, ...]:
    cost, prices = trade.cost, trade.prices
    return (
        trade.request_id, trade.strategy, trade.algorithm, trade.symbol, trade.side.value,
        trade.state, utc(trade.decided_at), trade.qty, cost.filled, prices.decision,
        prices.first_order, prices.end, cost.average, cost.delay, cost.trading, cost.opportunity,
        cost.fees, cost.total, cost.bps, trade.fill_rate, trade.maker_share,
        trade.expected_impact_bps, trade.realised_impact_bps, *_market(trade.market),
    )  # fmt: skip


def _order_row(trade: TradeCost, child: ChildCost) -> tuple[object, ...]:
    cost = child.cost
    return (
        child.order_link_id, child.slot, child.attempt, child.style, child.state,
        utc(child.planned_at), None if child.sent_at is None else utc(child.sent_at), child.qty,
        cost.filled, trade.prices.decision, child.arrival, child.half_spread_bps, cost.average,
        cost.delay, cost.trading, cost.fees, cost.total, child.fill_rate, child.maker_share,
        child.realised_impact_bps, child.late_ms, child.ack_ms, *_market(child.market),
    )  # fmt: skip


def _market(of: AgainstMarket) -> tuple[object, ...]:
    return (
        of.vwap, of.twap, of.vwap_bps, of.twap_bps, of.participation, of.reversion_1m_bps,
        of.reversion_5m_bps,
    )  # fmt: skip
