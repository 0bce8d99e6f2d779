"""How closely each volume model's schedule follows the market's VWAP, on days it has not seen.

Run: `python -m benchmarks.volume_models [--bars FOLDER] [--train-days 13] [--json PATH]`; the
folder is `$MLRISK_RECORDINGS/bybit_linear_1m_20250530` if not given.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bot.market.volume.dynamic import DynamicRegression
from bot.market.volume.files import read_folder
from bot.market.volume.learned import PooledRidge
from bot.market.volume.model import VolumeModel
from bot.market.volume.panel import DAY_MINUTES, Panel, moment_of
from bot.market.volume.static import StaticCurve
from bot.market.volume.tracking import (
    Prepared,
    Scheduler,
    TrackingWindows,
    Twap,
    tracking_errors,
    traded_shares,
)

FOLDER = "bybit_linear_1m_20250530"
WINDOWS = (TrackingWindows(60), TrackingWindows(240))
_CUTS = 3
_SEED = 20250530


def shuffled_after(panel: Panel, minute: int, seed: int) -> Panel:
    """The same past; every bar from `minute` on at another place of the future."""
    cut = minute - panel.first_minute
    order = np.arange(panel.volume.shape[1])
    order[cut:] = np.random.default_rng(seed).permutation(order[cut:])
    # The memory's order decides how sums round: the same one, or equal pasts would differ.
    columns = (panel.high, panel.low, panel.close, panel.volume)
    shuffled = (np.ascontiguousarray(column[:, order]) for column in columns)
    return Panel(panel.symbols, panel.first_minute, *shuffled)


def looks_ahead(model: VolumeModel, panel: Panel, minute: int, seed: int) -> bool:
    """True if shuffling the bars from `minute` on changes a forecast or share made by then."""
    other = shuffled_after(panel, minute, seed)
    length = WINDOWS[-1].minutes
    now = np.arange(minute - length, minute + 1)
    start = np.array([minute - length])
    for i, symbol in enumerate(panel.symbols):
        here, there = model.outlook(panel, symbol), model.outlook(other, symbol)
        if not np.array_equal(here(now, length), there(now, length)):
            return True
        cut = minute - panel.first_minute
        before = [p.volume[i, cut - length : cut + length][None, :] for p in (panel, other)]
        shares = [
            traded_shares(look, model.caution, start, volume)[0, : length + 1]
            for look, volume in zip((here, there), before, strict=True)
        ]
        if not np.array_equal(shares[0], shares[1]):
            return True
    return False


def measure(panel: Panel, train_end: int) -> dict[str, Any]:
    """Errors of every model in basis points, and whether the future was left alone."""
    models: tuple[VolumeModel, ...] = (StaticCurve(), DynamicRegression(), PooledRidge())
    learned = [model.fit(panel.until(train_end)) for model in models]
    rng = np.random.default_rng(_SEED)
    cuts = rng.integers(train_end + 240, panel.end_minute - 240, _CUTS).tolist()
    other = shuffled_after(panel, train_end, _SEED).until(train_end)
    leaks = [m.name for m in learned if any(looks_ahead(m, panel, c, c) for c in cuts)]
    leaks += [m.name for m in learned if type(m)().fit(other).parameters() != m.parameters()]
    static, dynamic, best = (Prepared(model, panel) for model in learned)
    schedulers: dict[str, Scheduler] = {
        "twap": Twap(),
        "static": static,
        "dynamic": dynamic,
        "learned": best,
        # Forecast or schedule: which of the two helps?
        "learned split": best.steered(None),
        "dynamic+steer": dynamic.steered(best.caution),
        "static+steer": static.steered(best.caution),
    }
    errors = {
        w.minutes: {n: tracking_errors(s, panel, train_end, w) for n, s in schedulers.items()}
        for w in WINDOWS
    }
    return {
        "symbols": list(panel.symbols),
        "training": [moment_of(panel.first_minute).isoformat(), moment_of(train_end).isoformat()],
        "test_end": moment_of(panel.end_minute).isoformat(),
        "caution": best.caution,
        "leaks": leaks,
        "windows": {str(minutes): _figures(by_model) for minutes, by_model in errors.items()},
    }


def _figures(by_model: dict[str, dict[str, np.ndarray[Any, Any]]]) -> dict[str, Any]:
    """Mean absolute and root mean square error pooled, and by symbol; cuts against static."""
    pooled = {name: np.concatenate(list(one.values())) for name, one in by_model.items()}
    mae = {n: {s: float(np.abs(e).mean()) for s, e in one.items()} for n, one in by_model.items()}
    base = pooled["static"]
    return {
        name: {
            "orders": len(errors),
            "mae": float(np.abs(errors).mean()),
            "rmse": float(np.sqrt((errors**2).mean())),
            "mae_cut": 1.0 - float(np.abs(errors).mean() / np.abs(base).mean()),
            "rmse_cut": 1.0 - float(np.sqrt((errors**2).mean() / (base**2).mean())),
            "mae_by_symbol": mae[name],
            "cut_by_symbol": {s: 1.0 - e / mae["static"][s] for s, e in mae[name].items()},
            "worse_than_twap": [s for s, e in mae[name].items() if e > mae["twap"][s]],
        }
        for name, errors in pooled.items()
    }


def _print(result: dict[str, Any], seconds: float) -> None:
    start, end = result["training"]
    print(f"trained {start} to {end}, tested to {result['test_end']}")
    print(f"learned model's caution (chosen in training): {result['caution']:g}")
    print(f"future looked at by: {', '.join(result['leaks']) or 'none (shuffled-future test)'}")
    for minutes, models in result["windows"].items():
        orders = models["static"]["orders"]
        print(f"\n{minutes} min, {orders} orders; bps; cut of the mean absolute error vs static")
        names = " ".join(f"{s.removesuffix('USDT'):>6}" for s in result["symbols"])
        print(
            f"{'':14} {'MAE':>6} {'cut':>6} {'RMSE':>6} {'cut':>6} | cut {names} | worse than TWAP"
        )
        for name, f in models.items():
            cuts = " ".join(f"{f['cut_by_symbol'][s]:6.1%}" for s in result["symbols"])
            print(
                f"{name:14} {f['mae']:6.2f} {f['mae_cut']:6.1%} {f['rmse']:6.2f} "
                f"{f['rmse_cut']:6.1%} |     {cuts} | {', '.join(f['worse_than_twap']) or '-'}"
            )
    print(f"\n{seconds:.1f} s")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    recordings = os.environ.get("MLRISK_RECORDINGS")
    parser.add_argument(
        "--bars", type=Path, default=Path(recordings) / FOLDER if recordings else None
    )
    parser.add_argument("--train-days", type=int, default=13)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.bars is None:
        parser.error("--bars or MLRISK_RECORDINGS is needed")
    began = time.perf_counter()
    panel = read_folder(chosen.bars)
    result = measure(panel, panel.first_minute + chosen.train_days * DAY_MINUTES)
    _print(result, time.perf_counter() - began)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 1 if result["leaks"] else 0


if __name__ == "__main__":
    sys.exit(main())
