"""Execution algorithms against each other: the same orders in the same replayed markets.

Run: `python -m benchmarks.algorithms [--bars FOLDER] [--windows 6] [--minutes 30] [--size 0.05]
[--maker-impact 1] [--json PATH]`; the folder is `$MLRISK_RECORDINGS/bybit_linear_1m_20250530` if
not given.

Every window is worked as a buy and as a sell, and their mean is one observation: it keeps impact,
spread, fees and adverse selection and takes out most of where the market went. What the bars can't
tell is drawn: the path inside a minute and the book (`paper_exchange/market/bars.py`). Impact
is the law that `mlrisk tca` fits, for takers and makers alike; `--maker-impact 0` spares makers.
Quotes that reach a resting order fill it. The rows "trades only" leave that out, so that the table
shows what it does to the algorithms that rest.
"""

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.support.contenders import Contender, Contest, Field, contenders
from benchmarks.support.recorded_windows import chosen_starts, cut, whole_lots
from benchmarks.support.replayed_market import mid_at_start
from benchmarks.support.replaying import Order, work
from bot.market.volume.files import read_folder
from bot.market.volume.learned import PooledRidge
from bot.market.volume.panel import DAY_MINUTES, moment_of
from bot.market.volume.static import StaticCurve
from bot.tca.analysis import TradeCost
from bot.tca.resampling import Estimate, bootstrap
from bot.tca.shortfall import EXACT
from bot.tca.summary import by_algorithm, paired_difference
from models.enums import TradeSide

FOLDER = "bybit_linear_1m_20250530"
BASE = "twap"
RESTING = ("iceberg", "passive")
TRADES_ONLY = "trades only"
MAX_SLIPPAGE = Decimal("0.05")
"""Wide: a limit that stops the costly ones would make them look cheap."""
_SEED = 20250530


def run(
    folder: Path,
    *,
    train_days: int = 13,
    windows_per_symbol: int = 6,
    minutes: int = 30,
    size: float = 0.05,
    maker_impact: float = 1.0,
    symbols: Sequence[str] = (),
) -> dict[str, Any]:
    """All trades' costs and the table, as JSON values. `size`: share of the expected volume."""
    panel = read_folder(folder)
    train_end = panel.first_minute + train_days * DAY_MINUTES
    models = [make().fit(panel.until(train_end)) for make in (StaticCurve, PooledRidge)]
    costs: dict[str, list[TradeCost]] = defaultdict(list)
    for symbol in symbols or panel.symbols:
        outlooks = {model.name: model.outlook(panel, symbol) for model in models}
        for minute in chosen_starts(panel, symbol, train_end, minutes, windows_per_symbol, _SEED):
            window = cut(folder, panel, symbol, minute, minutes)
            for contest in _contests(Field(window, panel, outlooks, models[-1].caution), size):
                for name, make, quotes_fill in _contestants():
                    cost = work(
                        window,
                        contest.order,
                        name,
                        make(contest),
                        maker_impact=maker_impact,
                        quotes_fill=quotes_fill,
                    )
                    costs[name].append(cost)
    return {
        "training": [moment_of(panel.first_minute).isoformat(), moment_of(train_end).isoformat()],
        "minutes": minutes,
        "size": size,
        "maker_impact": maker_impact,
        "algorithms": summarised(costs),
        "trades": [_trade(cost) for group in costs.values() for cost in group],
    }


def _contestants() -> Iterator[tuple[str, Contender, bool]]:
    """Each row's name and algorithm, and whether quotes that reach its orders fill them."""
    makers = contenders()
    for name, make in makers.items():
        yield name, make, True
    for name in RESTING:
        yield f"{name}, {TRADES_ONLY}", makers[name], False


def _contests(field: Field, size: float) -> Iterator[Contest]:
    """A buy and a sell of the same size."""
    window, price = field.window, mid_at_start(field.window)
    qty = whole_lots(size * float(field.expected(StaticCurve.name).sum()), window.spec)
    for side in TradeSide:
        order = Order(
            side=side,
            qty=qty,
            price_limit=_limit(price, side, window.spec.tick_size),
            start_at=window.start,
            deadline_at=window.start + timedelta(minutes=window.minutes),
        )
        yield Contest(field, order, price)


def _limit(price: Decimal, side: TradeSide, tick: Decimal) -> Decimal:
    rounding = ROUND_FLOOR if side is TradeSide.BUY else ROUND_CEILING
    return (price * (1 + side.sign * MAX_SLIPPAGE) / tick).to_integral_value(rounding) * tick


def summarised(costs: Mapping[str, Sequence[TradeCost]]) -> dict[str, dict[str, Any]]:
    """Each algorithm's row: means with intervals over windows, and the paired difference."""
    base = by_window(costs[BASE])
    rows = {}
    for name, group in costs.items():
        for cost in group:
            check_identity(cost)
        (summary,) = by_algorithm(group)
        mine = by_window(group)
        rows[name] = {
            "windows": len(mine),
            "shortfall_bps": asdict(bootstrap(list(mine.values()))),
            "against_twap_bps": None if name == BASE else asdict(paired_difference(mine, base)),
            "trading_bps": summary.trading_bps.value,
            "opportunity_bps": summary.opportunity_bps.value,
            "fees_bps": summary.fees_bps.value,
            "impact_bps": _value(summary.impact_bps),
            "vwap_tracking_bps": _tracking(group),
            "maker_share": _float(summary.maker_share),
            "fill_rate": _float(summary.fill_rate),
            "participation": _mean(cost.market.participation for cost in group),
            "reversion_5m_bps": _mean(cost.market.reversion_5m_bps for cost in group),
            "children": fmean(len(cost.children) for cost in group),
        }
    return rows


def by_window(costs: Sequence[TradeCost]) -> dict[str, float]:
    """Mean cost of a window's buy and sell, in bps, by the window."""
    sides: dict[str, list[float]] = defaultdict(list)
    for cost in costs:
        sides[_window_of(cost)].append(float(cost.cost.bps))
    return {key: fmean(values) for key, values in sides.items()}


def _tracking(costs: Sequence[TradeCost]) -> float | None:
    """Mean distance from the market's VWAP; what buy and sell both pay is not part of it."""
    bought: dict[str, list[float]] = defaultdict(list)
    for cost in costs:
        if cost.market.vwap_bps is not None:
            paid = float(cost.market.vwap_bps) * cost.side.sign
            bought[_window_of(cost)].append(paid)
    return fmean(abs(fmean(paid)) for paid in bought.values()) if bought else None


def _window_of(cost: TradeCost) -> str:
    return cost.request_id.rpartition(" ")[0]


def check_identity(cost: TradeCost) -> None:
    """The parts must add up to the total to the last digit, for the trade and its children."""
    whole = cost.cost
    parts = (whole.delay, whole.trading, whole.opportunity, whole.fees)
    children = [child.cost.total for child in cost.children]
    for found in (_sum(parts), _sum((*children, whole.opportunity))):
        if found != whole.total:
            raise ArithmeticError(f"{cost.request_id} {cost.algorithm}: {found} != {whole.total}")


def _sum(values: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


def _trade(cost: TradeCost) -> dict[str, Any]:
    return {
        "window": cost.request_id,
        "algorithm": cost.algorithm,
        "bps": float(cost.cost.bps),
        "fill_rate": _float(cost.fill_rate),
        "maker_share": _float(cost.maker_share),
    }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _value(of: Estimate | None) -> float | None:
    return None if of is None else of.value


def _mean(values: Iterator[Decimal | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return fmean(known) if known else None


def _print(result: dict[str, Any], seconds: float) -> None:
    rows = result["algorithms"]
    print(
        f"models trained {result['training'][0]} to {result['training'][1]}, windows after that: "
        f"{rows[BASE]['windows']} of {result['minutes']} min, each bought and sold; orders of "
        f"{result['size']:.1%} of the expected volume"
    )
    print(
        f"\n{'bps, positive is a cost':26}{'shortfall [95 %]':>24}{'against TWAP [95 %]':>26}"
        f"{'trading':>9}{'unfilled':>10}{'fees':>7}{'tracking':>9}{'after 5m':>9}"
        f"{'maker':>8}{'filled':>8}{'share':>7}{'orders':>8}"
    )
    for name, row in rows.items():
        print(
            f"{name:26}{_interval(row['shortfall_bps']):>24}"
            f"{_interval(row['against_twap_bps']):>26}"
            f"{row['trading_bps']:9.2f}{row['opportunity_bps']:10.2f}{row['fees_bps']:7.2f}"
            f"{_number(row['vwap_tracking_bps']):>9}{_number(row['reversion_5m_bps']):>9}"
            f"{row['maker_share']:8.1%}{row['fill_rate']:8.1%}{row['participation']:7.1%}"
            f"{row['children']:8.1f}"
        )
    print(f"\n{seconds:.1f} s")


def _interval(estimate: dict[str, Any] | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate['value']:.2f} [{_number(estimate['low'])}, {_number(estimate['high'])}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    recordings = os.environ.get("MLRISK_RECORDINGS")
    parser.add_argument(
        "--bars", type=Path, default=Path(recordings) / FOLDER if recordings else None
    )
    parser.add_argument("--train-days", type=int, default=13)
    parser.add_argument("--windows", type=int, default=6, help="per symbol")
    parser.add_argument("--minutes", type=int, default=30, help="of one order")
    parser.add_argument("--size", type=float, default=0.05, help="share of the expected volume")
    parser.add_argument("--maker-impact", type=float, default=1.0, help="of a taker's")
    parser.add_argument("--symbols", nargs="*", default=[], help="all if not given")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.bars is None:
        parser.error("--bars or MLRISK_RECORDINGS is needed")
    began = time.perf_counter()
    result = run(
        chosen.bars,
        train_days=chosen.train_days,
        windows_per_symbol=chosen.windows,
        minutes=chosen.minutes,
        size=chosen.size,
        maker_impact=chosen.maker_impact,
        symbols=chosen.symbols,
    )
    _print(result, time.perf_counter() - began)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
