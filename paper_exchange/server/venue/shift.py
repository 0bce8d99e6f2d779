"""Market events at another time or with our own impact on their prices."""

from decimal import Decimal

from paper_exchange.types import BookUpdate, MarketEvent, MarketTrade, MarkUpdate


def shifted(event: MarketEvent, offset: int) -> MarketEvent:
    """The event `offset` milliseconds later."""
    return moved_to(event, event.ts_ms + offset)


def moved_to(event: MarketEvent, ts: int) -> MarketEvent:
    """The event at another time, in milliseconds."""
    # Written out by class: dataclasses.replace costs four times as much per event.
    if isinstance(event, BookUpdate):
        return BookUpdate(event.category, event.symbol, ts, event.bids, event.asks, event.snapshot)
    if isinstance(event, MarketTrade):
        return MarketTrade(event.category, event.symbol, ts, event.price, event.qty, event.side)
    return MarkUpdate(
        event.category,
        event.symbol,
        ts,
        event.mark_price,
        event.index_price,
        event.funding_rate,
    )


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
