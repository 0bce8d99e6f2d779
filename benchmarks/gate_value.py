"""Whether the gate-value ledger tells the truth: worlds of planted worth, and recorded markets.

Run: `python -m benchmarks.gate_value [--worlds 200] [--days 30] [--strengths 0 6 10] [--bars
FOLDER]`; the folder is `$MLRISK_RECORDINGS/bybit_linear_1m_20250530` if not given. Without a folder
only worlds are looked at.

In worlds the worth of each check's blocks is known. A sentence is right when its sign is that of
the truth; about a worthless check every sentence is wrong. On recorded minutes a simple strategy
asks the real gate, and nobody knows the truth.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.support.planted_blocks import SINCE, world
from benchmarks.support.recorded_blocks import recorded
from bot.gate_value.figures import BlockValue, GroupBy, JudgedBlock, ValueFinding, block_values
from bot.gate_value.sentences import sentence
from bot.risk.limits import RiskLimits

RECORDING = "bybit_linear_1m_20250530"


def right(value: BlockValue, truth: float) -> bool:
    """Whether what is said about a check has the sign of the truth."""
    return truth > 0 if value.finding is ValueFinding.SAVED else truth < 0


def look(worlds: int, days: int, strength: float) -> Counter[str]:
    """Counts intervals that cover the truth, sentences, and worlds in which one is wrong."""
    seen: Counter[str] = Counter()
    for seed in range(worlds):
        made = world(seed, days=days, strength=strength)
        wrong = said = False
        for value in block_values(made.blocks, GroupBy.CHECK, SINCE, made.until):
            truth = made.truth[value.name]
            if value.low is not None and value.high is not None:
                seen["intervals"] += 1
                seen["cover"] += value.low <= truth <= value.high
            if value.finding is not ValueFinding.UNCLEAR:
                said, ok = True, right(value, truth)
                seen["said"] += 1
                seen["right"] += ok
                wrong = wrong or not ok
        seen["worlds"] += 1
        seen["worlds that say something"] += said
        seen["worlds that say something wrong"] += wrong
    return seen


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def _worlds(worlds: int, days: int, strengths: Sequence[float]) -> None:
    out = sys.stdout
    for strength in strengths:
        seen = look(worlds, days, strength)
        out.write(
            f"{worlds} worlds of {days} days, edge {strength:g} standard errors: "
            f"{_share(seen['cover'], seen['intervals'])} of {seen['intervals']} intervals cover; "
            f"{seen['right']} of {seen['said']} sentences have the right sign "
            f"({_share(seen['right'], seen['said'])}); "
            f"{seen['worlds that say something wrong']} worlds say something wrong "
            f"({_share(seen['worlds that say something wrong'], worlds)})\n"
        )
        out.flush()


def _recorded(folder: Path) -> None:
    out = sys.stdout
    blocks: list[JudgedBlock] = []
    requests = 0
    starts, ends = [], []
    for symbol, bars, asked, found in recorded(folder, RiskLimits()):
        out.write(f"{symbol}: {asked} requests, {len(found)} blocked or shrunk\n")
        out.flush()
        requests += asked
        blocks += found
        starts.append(bars[0].start)
        ends.append(bars[-1].end)
    if not blocks:
        out.write(f"no block in {folder}\n")
        return
    unknown = Counter(each.not_valued.value for each in blocks if each.not_valued is not None)
    out.write(
        f"{requests} requests of {len(starts)} symbols, {len(blocks)} blocks, unknown worth: "
        f"{dict(unknown) or 'none'}\n"
    )
    for by in (GroupBy.CHECK, GroupBy.SYMBOL):
        for value in block_values(blocks, by, min(starts), max(ends)):
            out.write(f"  {by.value} {sentence(value)} ({value.blocks} blocks)\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints both parts."""
    parser = argparse.ArgumentParser(prog="benchmarks.gate_value", description=__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.0, 6.0, 10.0])
    parser.add_argument("--bars", type=Path)
    given = parser.parse_args(arguments)
    _worlds(given.worlds, given.days, given.strengths)
    recordings = os.environ.get("MLRISK_RECORDINGS")
    folder = given.bars or (Path(recordings) / RECORDING if recordings else None)
    if folder is not None:
        _recorded(folder)


if __name__ == "__main__":
    main()
