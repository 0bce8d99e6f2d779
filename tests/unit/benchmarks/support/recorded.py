"""A day and a bit of drawn minutes in a folder, as a recording has them."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

SYMBOL = "BTCUSDT"
START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTES = 1440 + 60


def write(folder: Path, minutes: int = MINUTES, seed: int = 3) -> Path:
    """Prices on ticks of 0.1 around 100,000 and some 60 BTC a minute."""
    chance = np.random.default_rng(seed)
    close = 1_000_000
    with gzip.open(folder / f"{SYMBOL}_1m.csv.gz", "wt", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines)
        rows.writerow(["timestamp", "open", "high", "low", "close", "volume"])
        for i in range(minutes):
            opened, close = close, close + int(chance.normal(0, 400))
            high = max(opened, close) + int(chance.integers(0, 200))
            low = min(opened, close) - int(chance.integers(0, 200))
            volume = Decimal(int(chance.integers(40_000, 80_000))) / 1000
            prices = [Decimal(ticks) / 10 for ticks in (opened, high, low, close)]
            rows.writerow([(START + timedelta(minutes=i)).isoformat(), *prices, volume])
    return folder
