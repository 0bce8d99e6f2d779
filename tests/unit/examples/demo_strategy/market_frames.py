"""Public Bybit frames made from a paper market's events, for tests that need no server."""

from collections.abc import Iterator
from typing import Any

from paper_exchange.types import BookUpdate, InstrumentSpec, MarketSource, MarketTrade

Frame = dict[str, Any]


def public_frames(source: MarketSource, until_ms: int, start_ms: int = 0) -> Iterator[Frame]:
    """Order book and trade frames of the linear instruments, as the public stream sends them."""
    specs = {spec.symbol: spec for spec in source.instruments() if spec.category == "linear"}
    update_ids = dict.fromkeys(specs, 0)
    for event in source.events():
        if event.ts_ms >= until_ms:
            return
        if event.category != "linear":
            continue
        spec = specs[event.symbol]
        if isinstance(event, BookUpdate):
            update_ids[event.symbol] += 1
            yield _book(event, spec, update_ids[event.symbol], start_ms)
        elif isinstance(event, MarketTrade):
            yield _trade(event, spec, start_ms)


def _book(event: BookUpdate, spec: InstrumentSpec, update_id: int, start_ms: int) -> Frame:
    bids, asks = (
        [[format(spec.price(p), "f"), format(spec.qty(q), "f")] for p, q in side]
        for side in (event.bids, event.asks)
    )
    return {
        "topic": f"orderbook.50.{spec.symbol}",
        "type": "snapshot" if event.snapshot else "delta",
        "ts": start_ms + event.ts_ms,
        "data": {"s": spec.symbol, "b": bids, "a": asks, "u": update_id},
    }


def _trade(event: MarketTrade, spec: InstrumentSpec, start_ms: int) -> Frame:
    trade = {
        "T": start_ms + event.ts_ms,
        "s": spec.symbol,
        "S": event.side,
        "p": format(spec.price(event.price), "f"),
        "v": format(spec.qty(event.qty), "f"),
    }
    return {
        "topic": f"publicTrade.{spec.symbol}",
        "type": "snapshot",
        "ts": start_ms + event.ts_ms,
        "data": [trade],
    }
