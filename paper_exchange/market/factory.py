"""Opens a market source by its name."""

from collections.abc import Sequence
from pathlib import Path

from paper_exchange.market import bars, binance_recording, bybit_recording
from paper_exchange.market.bars import BarMarket
from paper_exchange.market.binance_recording import BinanceRecording
from paper_exchange.market.bybit_recording import BybitRecording
from paper_exchange.market.synthetic import SyntheticMarket
from paper_exchange.types import MarketSource

SPECS = ("auto", "bybit", "binance", "bars", "synthetic")


def open_source(
    spec: str = "auto",
    *,
    seed: int = 1,
    symbols: Sequence[str] | None = None,
    recordings: Path | None = None,
    updates: int = 1,
) -> MarketSource:
    """Opens a source by its name. `recordings` is the directory of recorded markets.

    `updates` is how many books a synthetic instrument publishes in 100 ms.

    `auto` is the recorded Bybit session where `recordings` has it, else the synthetic market.
    Raises ValueError for an unknown name or symbol, FileNotFoundError for a missing recording.
    """
    if spec not in SPECS:
        raise ValueError(f"unknown market {spec!r}; known: {', '.join(SPECS)}")
    if spec == "auto":
        found = _find(recordings, bybit_recording.FILE_PATTERN)
        return (
            BybitRecording(found, symbols)
            if found
            else SyntheticMarket(seed, symbols, updates=updates)
        )
    if spec == "synthetic":
        return SyntheticMarket(seed, symbols, updates=updates)
    if spec == "binance":
        return BinanceRecording(_need(recordings, binance_recording.FOLDER_PATTERN), symbols)
    if spec == "bars":
        return BarMarket(_need(recordings, bars.FOLDER_PATTERN), seed, symbols)
    return BybitRecording(_need(recordings, bybit_recording.FILE_PATTERN), symbols)


def _find(recordings: Path | None, pattern: str) -> Path | None:
    """The newest of the matching files or folders, by name."""
    return max(recordings.glob(pattern), default=None) if recordings is not None else None


def _need(recordings: Path | None, pattern: str) -> Path:
    found = _find(recordings, pattern)
    if found is None:
        raise FileNotFoundError(f"no {pattern} under {recordings or 'any given directory'}")
    return found
