"""How many market events a second the paper exchange applies, for `benchmarks.paper_exchange`."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.settings import AccountConfig
from paper_exchange.main import calm_collector
from paper_exchange.market.factory import open_source
from paper_exchange.server.clock import FreeClock
from paper_exchange.server.venue.venue import Venue
from paper_exchange.types import InstrumentSpec

Figures = dict[str, Any]


def market_events(
    seconds: float, market: str, recordings: Path | None, warm_up: int
) -> dict[str, Figures]:
    """Events per second through source, tape and engine at full speed, without streams.

    They are measured without orders, and next with an order that rests in each market. The first
    `warm_up` events are not counted: later passes over a recording are faster than the first.
    """
    source = open_source(market, seed=1, recordings=recordings)
    engine = PaperEngine(source.instruments(), {"a": AccountConfig("a", {"USDT": Decimal(10**7)})})
    venue = Venue(source, engine, FreeClock())
    venue.open()
    with _collector_of_a_server():
        while venue.events_applied < warm_up:
            venue.run_slice(1000)
        without = run_market(venue, seconds)
        for spec in source.instruments():
            venue.engine.create_order("a", far_bid(venue, spec), venue.now_ms)
        venue.touched()
        return {"without_orders": without, "with_resting_orders": run_market(venue, seconds)}


@contextmanager
def _collector_of_a_server() -> Iterator[None]:
    """Gives the garbage collector the settings of a running server."""
    thresholds = gc.get_threshold()
    calm_collector()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def run_market(venue: Venue, seconds: float) -> Figures:
    """Plays the market at full speed for a time."""
    began, busy, count = time.perf_counter(), time.process_time(), venue.events_applied
    first = venue.now_ms
    while time.perf_counter() - began < seconds:
        venue.run_slice(1000)
    elapsed, worked = time.perf_counter() - began, time.process_time() - busy
    applied = venue.events_applied - count
    return {
        "events_per_second": round(applied / elapsed),
        "events_per_cpu_second": round(applied / worked),
        "times_real_time": round((venue.now_ms - first) / 1000 / elapsed, 1),
    }


def far_bid(venue: Venue, spec: InstrumentSpec) -> dict[str, str]:
    """A bid half a per cent below the market, which is within every band."""
    bids, _ = venue.engine.book(spec.category, spec.symbol, 1)
    price = spec.price(bids[0][0] * 995 // 1000)
    steps = max(spec.min_qty, 2 * spec.min_notional / price) // spec.qty_step + 1
    return {
        "category": spec.category,
        "symbol": spec.symbol,
        "side": "Buy",
        "orderType": "Limit",
        "qty": format(steps * spec.qty_step, "f"),
        "price": format(price, "f"),
    }
