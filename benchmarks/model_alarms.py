"""False-alarm run lengths and detection delays of the detector of degraded models.

Run: `python -m benchmarks.model_alarms [--runs 400]`

A model states .60. Run lengths are of a model that keeps its word; delays are of one that turned
into a coin when the watch began. With overlapping labels a prediction is about the sum of the next
ten steps of a random walk, made at every step. The reference's figures are of a detector that knew
both probabilities; ours knows only what the model states.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from bot.model_risk.betting import SHORTFALLS, growth

STATED, COIN = 0.6, 0.5
HORIZON = 10
GOOD_RUNS = 100
REFERENCE = {
    "independent labels": (14_900, 227, 455),
    f"horizon {HORIZON}, interleaved": (18_800, 1_366, 2_516),
}
Labels = Callable[[np.random.Generator, float, int, int], npt.NDArray[np.float64]]


def independent(
    chance: np.random.Generator, true: float, runs: int, length: int
) -> npt.NDArray[np.float64]:
    """Labels of `runs` models, a column each."""
    return (chance.random((length, runs)) < true).astype(float)


def overlapping(
    chance: np.random.Generator, true: float, runs: int, length: int
) -> npt.NDArray[np.float64]:
    """Labels about the sum of the next `HORIZON` steps."""
    drift = NormalDist().inv_cdf(true) / sqrt(HORIZON)
    walk = np.cumsum(chance.standard_normal((length + HORIZON, runs)) + drift, axis=0)
    ahead = walk[HORIZON:] - walk[:-HORIZON]
    return (ahead > 0).astype(float)


def alarms(
    labels: Labels, true: float, *, stake: float, lanes: int, runs: int, most: int, seed: int = 7
) -> npt.NDArray[np.float64]:
    """Predictions until the alarm of each run; `most` where none came."""
    chance = np.random.default_rng(seed)
    found = np.full(runs, float(most))
    sums = np.zeros((len(SHORTFALLS), lanes, runs))
    won = np.array([growth(STATED, 0, s) for s in SHORTFALLS])[:, None]
    lost = np.array([growth(STATED, 1, s) for s in SHORTFALLS])[:, None]
    outcomes = labels(chance, true, runs, most)
    waiting = np.ones(runs, dtype=bool)
    for number in range(most):
        lane = number % lanes
        factor = np.where(outcomes[number][None, :] > 0, lost, won)
        sums[:, lane] = (sums[:, lane] + stake / len(SHORTFALLS)) * factor
        over = waiting & (sums[:, lane].sum(axis=0) >= 1)
        found[over] = number + 1
        waiting &= ~over
        if not waiting.any():
            break
    return found


def run_length(found: npt.NDArray[np.float64], most: int) -> float:
    """The mean run length, with the runs that were cut off: their time over the alarms."""
    return float(found.sum() / max((found < most).sum(), 1))


def row(name: str, labels: Labels, lanes: int, stake: float, runs: int) -> str:
    """One line of the table."""
    most = 100_000
    good = alarms(labels, STATED, stake=stake, lanes=lanes, runs=GOOD_RUNS, most=most)
    bad = alarms(labels, COIN, stake=stake, lanes=lanes, runs=runs, most=20_000)
    length, mean, late = run_length(good, most), bad.mean(), np.quantile(bad, 0.95)
    theirs = REFERENCE[name]
    return (
        f"{name:28} 1/{1 / stake:<7.0f}{length:>12,.0f}{mean:>10,.0f}{late:>10,.0f}"
        f"   reference {theirs[0]:,} {theirs[1]:,} {theirs[2]:,}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.model_alarms", description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    runs = parser.parse_args(arguments).runs
    out = sys.stdout
    out.write(
        f"{'labels':28} {'stake':9}{'run length':>12}{'delay':>10}{'p95':>10}   (predictions)\n"
    )
    for stake in (1 / 1_500, 1 / 5_000, 1 / 14_900):
        out.write(row("independent labels", independent, 1, stake, runs) + "\n")
    for stake in (1 / 500, 1 / 1_500, 1 / 4_500):
        name = f"horizon {HORIZON}, interleaved"
        out.write(row(name, overlapping, HORIZON, stake, runs) + "\n")


if __name__ == "__main__":
    main()
