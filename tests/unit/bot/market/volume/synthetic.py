"""A small market: a daily curve, volume that clusters and is shared, prices that move with it."""

from pathlib import Path

import numpy as np

from bot.market.volume.panel import DAY_MINUTES, Bars, Panel, moment_of

FIRST_MINUTE = 29_136_000
SYMBOLS = ("AAAUSDT", "BBBUSDT")


def bars(symbol: str, days: float, seed: int = 7) -> Bars:
    minutes = int(days * DAY_MINUTES)
    common, own = np.random.default_rng(seed), np.random.default_rng([seed, ord(symbol[0])])
    surge = _clustered(common, minutes, 0.9) * 0.6 + _clustered(own, minutes, 0.97) * 0.6
    now = (FIRST_MINUTE + np.arange(minutes)) % DAY_MINUTES
    activity = np.exp(surge + 0.8 * np.sin(2 * np.pi * now / DAY_MINUTES))
    volume = 100.0 * activity * np.exp(0.3 * own.standard_normal(minutes))
    steps = 5e-4 * np.sqrt(activity) * own.standard_normal(minutes)
    close = 100.0 * np.exp(np.cumsum(steps))
    width = 1.0 + np.abs(steps)
    return Bars(symbol, FIRST_MINUTE, close * width, close / width, close, volume)


def panel(days: float, symbols: tuple[str, ...] = SYMBOLS, seed: int = 7) -> Panel:
    return Panel.of(bars(symbol, days, seed) for symbol in symbols)


def _clustered(rng: np.random.Generator, minutes: int, keep: float) -> np.ndarray:
    shocks = rng.standard_normal(minutes) * np.sqrt(1.0 - keep**2)
    state, path = 0.0, np.empty(minutes)
    for i, shock in enumerate(shocks):
        state = keep * state + shock
        path[i] = state
    return path


def write_bars(folder: Path, symbol: str, days: float) -> None:
    """As `mlrisk volume train --bars` reads them."""
    one = bars(symbol, days)
    columns = np.stack([one.close, one.high, one.low, one.close, one.volume], axis=1)
    lines = ["timestamp,open,high,low,close,volume"]
    lines += [
        f"{moment_of(one.first_minute + i).isoformat()},{','.join(map(str, row))}"
        for i, row in enumerate(columns.tolist())
    ]
    (folder / f"{symbol}_1m.csv").write_text("\n".join(lines) + "\n")
