"""Planted worlds: the same seed gives the same world, and the plan is the mean of what happens."""

import itertools
from statistics import fmean

import pytest

from benchmarks.support.planted_blocks import HORIZONS, PLANTED, world


def test_a_seed_is_a_world() -> None:
    assert world(3, days=2) == world(3, days=2)
    assert world(3, days=2).blocks != world(4, days=2).blocks


def test_blocks_overlap_and_come_in_spells() -> None:
    made = world(1, days=10)
    mine = [each for each in made.blocks if each.blockers[0].name == "costs"]
    gaps = [
        (later.decided_at - each.decided_at).total_seconds() / 60
        for each, later in itertools.pairwise(mine)
    ]
    assert sorted(gaps)[len(gaps) // 2] < max(HORIZONS)
    assert max(gaps) > 10 * fmean(gaps)


def test_the_truth_is_what_worlds_bring_on_average() -> None:
    days, strength, worlds = 5, 40.0, [world(seed, days=5, strength=40.0) for seed in range(30)]
    assert strength > 0
    for name, sign in PLANTED.items():
        seen = fmean(
            -(block.profit_bps or 0.0) * blocker.share / days
            for made in worlds
            for block in made.blocks
            for blocker in block.blockers
            if blocker.name == name
        ) * fmean(
            sum(any(b.name == name for b in block.blockers) for block in made.blocks)
            for made in worlds
        )
        truth = fmean(made.truth[name] for made in worlds)
        if sign:
            assert seen == pytest.approx(truth, rel=0.3)
