"""Market events with our own impact on their prices."""

from decimal import Decimal

from paper_exchange.types import MarketTrade, MarkUpdate


def with_impact(trade: MarketTrade, ticks: int) -> MarketTrade:
    """A replayed trade at the price that our own impact moves it to."""
    return MarketTrade(
        trade.category, trade.symbol, trade.ts_ms, trade.price + ticks, trade.qty, trade.side
    )


def marks_with_impact(update: MarkUpdate, change: Decimal) -> MarkUpdate:
    """Reference prices that our own impact moves by `change`, in the quote coin."""
    mark, index = (
        None if price is None else price + change
        for price in (update.mark_price, update.index_price)
    )
    return MarkUpdate(
        update.category, update.symbol, update.ts_ms, mark, index, update.funding_rate
    )
