"""Opens a market source by its name."""

from collections.abc import Sequence
from pathlib import Path

from bot.exchange.paper.market.synthetic import SyntheticMarket
from bot.exchange.paper.types import MarketSource

SPECS = ("auto", "synthetic")


def open_source(
    spec: str = "auto",
    *,
    seed: int = 1,
    symbols: Sequence[str] | None = None,
    recordings: Path | None = None,
) -> MarketSource:
    """`auto` is the recorded Bybit session where `recordings` has it, else the synthetic market."""
    if spec not in SPECS:
        raise ValueError(f"unknown market {spec!r}; known: {', '.join(SPECS)}")
    del recordings  # the recorded sources come next
    return SyntheticMarket(seed, symbols)
