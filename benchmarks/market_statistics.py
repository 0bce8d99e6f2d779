"""How like a recorded market ours are, by the statistics of LOB-Bench.

Run: `python -m benchmarks.market_statistics [--recordings FOLDER] [--symbol BTCUSDT]
[--seconds 600] [--seed 1] [--json PATH]`; the folder is `$MLRISK_RECORDINGS` if not given.

The recording is read from its frames alone. The replay is the same recording as a client of the
paper exchange sees it, and the synthetic market is seen in the same way. LOB-Bench (Nagy et al.
2025) compares the distributions of spread, depth, imbalance and inter-arrival times by the L1
distance of histograms (0 equal, 1 disjoint) and by the Wasserstein-1 distance, here in standard
deviations of the recording. The mean response of the mid to a trade is printed for several lags.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest, nsmallest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.settings import AccountConfig
from paper_exchange.market.factory import open_source
from paper_exchange.types import BookUpdate, MarketEvent, MarketSource, MarketTrade

Floats = NDArray[np.float64]
Side = Sequence[tuple[int, int]]
LEVELS = 10
"""The levels of a side that its depth counts."""
LAGS_SECONDS = (0.1, 1.0, 5.0, 20.0)
BINS = 50


@dataclass(slots=True)
class Observations:
    """What was seen of one instrument, in the order of time. Times are in milliseconds."""

    tick_bps: float = 0.0
    """One tick in basis points of the first mid."""
    times: list[int] = field(default_factory=list)
    doubled_mids: list[int] = field(default_factory=list)
    spreads: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    imbalances: list[float] = field(default_factory=list)
    trades: list[tuple[int, int]] = field(default_factory=list)
    """Time and direction of each trade; +1 is a buying taker."""

    def see_book(self, ts_ms: int, bids: Side, asks: Side) -> None:
        """Takes the first levels of a book, best first, as (ticks, steps)."""
        if not bids or not asks:
            return
        (bid, bid_size), (ask, ask_size) = bids[0], asks[0]
        if not self.times:
            self.tick_bps = 20_000 / (bid + ask)
        self.times.append(ts_ms)
        self.doubled_mids.append(bid + ask)
        self.spreads.append(ask - bid)
        self.depths.append(sum(size for _, size in (*bids, *asks)))
        self.imbalances.append((bid_size - ask_size) / (bid_size + ask_size))

    def see_trade(self, trade: MarketTrade) -> None:
        """Takes a public trade."""
        self.trades.append((trade.ts_ms, 1 if trade.side == "Buy" else -1))

    def distributions(self) -> dict[str, Floats]:
        """The samples of each statistic that is compared as a distribution."""
        return {
            "spread, ticks": np.array(self.spreads, dtype=float),
            f"depth of {LEVELS} levels, log steps": np.log1p(np.array(self.depths, dtype=float)),
            "imbalance at the touch": np.array(self.imbalances),
            "between books, log ms": np.log1p(np.diff(np.array(self.times, dtype=float))),
            "between trades, log ms": np.log1p(
                np.diff(np.array([ts for ts, _ in self.trades], dtype=float))
            ),
        }

    def response(self, lag_seconds: float) -> float | None:
        """The mean move of the mid in the direction of a trade after a lag, in basis points.

        It is measured from the last mid before the trade. None without trades that long before the
        end.
        """
        if not self.times:
            return None
        times, mids = np.array(self.times), np.array(self.doubled_mids)
        stamps = np.array([ts for ts, _ in self.trades])
        signs = np.array([sign for _, sign in self.trades])
        later = stamps + lag_seconds * 1000
        kept = (stamps > times[0]) & (later <= times[-1])
        if not kept.any():
            return None
        before = mids[np.searchsorted(times, stamps[kept], side="left") - 1]
        after = mids[np.searchsorted(times, later[kept], side="right") - 1]
        return float(np.mean(signs[kept] * (after - before)) / 2 * self.tick_bps)


def wasserstein(mine: Floats, theirs: Floats) -> float:
    """The Wasserstein-1 distance of two samples, in standard deviations of the second one."""
    shares = (np.arange(1000) + 0.5) / 1000
    gap = np.abs(np.quantile(mine, shares) - np.quantile(theirs, shares)).mean()
    deviation = float(theirs.std())
    return float(gap / deviation) if deviation else float(gap)


def histogram_distance(mine: Floats, theirs: Floats) -> float:
    """Half the L1 distance of two histograms on common bins: 0 equal, 1 disjoint."""
    low = min(mine.min(), theirs.min())
    high = max(mine.max(), theirs.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    shares = [np.histogram(sample, edges)[0] / len(sample) for sample in (mine, theirs)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def until(events: Iterable[MarketEvent], seconds: float) -> Iterator[MarketEvent]:
    """The events of the first `seconds` of a source."""
    for event in events:
        if event.ts_ms > seconds * 1000:
            return
        yield event


def observe_frames(events: Iterable[MarketEvent], symbol: str) -> Observations:
    """Reads one linear instrument from its frames, with a book of plain dictionaries."""
    seen = Observations()
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for event in events:
        if (event.category, event.symbol) != ("linear", symbol):
            continue
        if isinstance(event, MarketTrade):
            seen.see_trade(event)
        elif isinstance(event, BookUpdate):
            for side, levels in ((bids, event.bids), (asks, event.asks)):
                if event.snapshot:
                    side.clear()
                side.update(levels)
                for price, size in levels:
                    if not size:
                        side.pop(price, None)
            best = nlargest(LEVELS, bids.items()), nsmallest(LEVELS, asks.items())
            seen.see_book(event.ts_ms, *best)
    return seen


def observe_exchange(source: MarketSource, seconds: float, symbol: str) -> Observations:
    """Reads one linear instrument as the paper exchange's engine shows it."""
    engine = PaperEngine(source.instruments(), {"a": AccountConfig("a")})
    seen = Observations()
    for event in until(source.events(), seconds):
        engine.on_market(event)
        if (event.category, event.symbol) != ("linear", symbol):
            continue
        if isinstance(event, MarketTrade):
            seen.see_trade(event)
        elif isinstance(event, BookUpdate):
            seen.see_book(event.ts_ms, *engine.book("linear", symbol, LEVELS))
    return seen


def compared(mine: Observations, theirs: Observations) -> dict[str, Any]:
    """The distances of every distribution, and both responses at every lag."""
    ours, recorded = mine.distributions(), theirs.distributions()
    rows = {
        name: {
            "median": float(np.median(ours[name])),
            "recorded": float(np.median(recorded[name])),
            "l1": round(histogram_distance(ours[name], recorded[name]), 4),
            "wasserstein": round(wasserstein(ours[name], recorded[name]), 4),
        }
        for name in ours
        if len(ours[name]) and len(recorded[name])
    }
    responses = {
        f"{lag:g} s": {"ours": mine.response(lag), "recorded": theirs.response(lag)}
        for lag in LAGS_SECONDS
    }
    return {"distributions": rows, "response_bps": responses}


def _print(name: str, result: Mapping[str, Any]) -> None:
    print(f"\n{name:34}{'median':>10}{'recorded':>10}{'L1':>8}{'Wasserstein':>13}")
    for row, found in result["distributions"].items():
        figures = f"{found['median']:10.2f}{found['recorded']:10.2f}"
        print(f"  {row:32}{figures}{found['l1']:8.3f}{found['wasserstein']:13.3f}")
    for lag, found in result["response_bps"].items():
        print(f"  {'response after ' + lag + ', bps':32}", end="")
        print("".join("         -" if v is None else f"{v:10.3f}" for v in found.values()))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    known = os.environ.get("MLRISK_RECORDINGS")
    parser.add_argument("--recordings", type=Path, default=Path(known) if known else None)
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--seconds", type=float, default=600.0, help="of market time")
    parser.add_argument("--seed", type=int, default=1, help="of the synthetic market")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.recordings is None:
        parser.error("--recordings or MLRISK_RECORDINGS is needed")
    symbols = [chosen.symbol]
    recording = open_source("bybit", symbols=symbols, recordings=chosen.recordings)
    synthetic = open_source("synthetic", symbols=symbols, seed=chosen.seed)
    recorded = observe_frames(until(recording.events(), chosen.seconds), chosen.symbol)
    result = {
        name: compared(observe_exchange(source, chosen.seconds, chosen.symbol), recorded)
        for name, source in (("replay", recording), ("synthetic", synthetic))
    }
    print(
        f"{chosen.symbol}, {chosen.seconds:g} s: {len(recorded.times)} books and "
        f"{len(recorded.trades)} trades were recorded"
    )
    for name, found in result.items():
        _print(name, found)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
