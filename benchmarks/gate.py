"""How long the gate takes: every check, p50 and p99, without and with the record's hash.

Run: `python -m benchmarks.gate [--count 20000] [--json PATH]`. With nautilus_trader installed (a
bench-only dependency, not ours) its RiskEngine judges a limit order in the same run.
"""

import argparse
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from benchmarks.support import nautilus_risk
from bot.risk.checks.breach import Case
from bot.risk.checks.registry import CHECKS
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.record import digest
from bot.risk.selftest.baseline import healthy
from bot.risk.snapshot import WorkingView
from models.enums import TradeSide, Verdict

Figures = dict[str, dict[str, float]]


def busy_book(limits: RiskLimits) -> Case:
    """A sound trade of an account with two other positions, a working order and ten levels."""
    case = healthy(limits).holding(
        ("ETHUSDT", Decimal(100_000)), ("SOLUSDT", Decimal(-50_000)), correlation=0.7
    )
    portfolio, market = case.snapshot.portfolio, case.snapshot.market
    assert portfolio is not None
    assert market is not None
    order = WorkingView("ETHUSDT", TradeSide.BUY, Decimal(100), Decimal(10_000))
    tick = Decimal("0.0001")
    asks = tuple((price, quantity) for price, quantity in _levels(market.asks[0], tick))
    return case.seeing(
        portfolio=replace(portfolio, working=(order,)), market=replace(market, asks=asks)
    )


def _levels(best: tuple[Decimal, Decimal], tick: Decimal) -> list[tuple[Decimal, Decimal]]:
    return [(best[0] + tick * i, best[1]) for i in range(10)]


def measure(call: Callable[[], object], count: int) -> dict[str, float]:
    """Microseconds of one call, each timed on its own; the collector is off, as in `timeit`."""
    for _ in range(min(count, 500)):
        call()
    times = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(count):
            before = time.perf_counter_ns()
            call()
            times.append(time.perf_counter_ns() - before)
    finally:
        gc.enable()
    times.sort()
    return {
        "p50": times[count // 2] / 1e3,
        "p99": times[count * 99 // 100] / 1e3,
        "p99_9": times[count * 999 // 1000] / 1e3,
        "min": times[0] / 1e3,
    }


def run(count: int) -> Figures:
    limits = RiskLimits()
    case = busy_book(limits)
    intent, snapshot = case.intent, case.snapshot
    if evaluate(intent, snapshot, limits).verdict is not Verdict.ALLOW:
        raise SystemExit("the trade of the benchmark does not pass")
    halted = replace(intent, model=replace(intent.model, confidence=0.1))
    figures = {
        "evaluate, allowed": measure(lambda: evaluate(intent, snapshot, limits), count),
        "evaluate, denied": measure(lambda: evaluate(halted, snapshot, limits), count),
        "evaluate and the record's hash": measure(
            lambda: digest(evaluate(intent, snapshot, limits)), count
        ),
    }
    if nautilus_risk.AVAILABLE:
        figures[nautilus_risk.NAME] = measure(nautilus_risk.judge(), count)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    figures = run(options.count)
    load = os.getloadavg()[0]
    print(
        f"{len(CHECKS)} checks, {options.count} decisions each, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}"
    )
    width = max(map(len, figures))
    for name, row in figures.items():
        numbers = "  ".join(f"{key} {value:8.1f} µs" for key, value in row.items())
        print(f"{name:<{width}}  {numbers}")
    if not nautilus_risk.AVAILABLE:
        print("nautilus_trader is not installed: no comparison")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
