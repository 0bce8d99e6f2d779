"""Intervals of sums over time: seeded, as wide as dependence asks, and silent on too little."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gate_value.intervals import (
    LEAST_SPELLS,
    Observed,
    block_length,
    sum_of,
    t_quantile,
    t_tail,
)
from tests.support.properties import examples

DAY = 86_400.0


def seen(values: list[float], *, horizon: float = 60.0, days: float = 10.0) -> Observed:
    span = days * DAY
    times = [(place + 0.5) * span / len(values) for place in range(len(values))]
    return Observed(times, values, span, horizon)


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (10, 2.228), (60, 2.000)]
)
def test_students_quantiles_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert -t_quantile(0.025, freedom) == pytest.approx(expected, abs=5e-4)
    assert t_tail(expected, freedom) == pytest.approx(0.025, rel=1e-3)


def test_the_same_values_and_seed_give_the_same_interval() -> None:
    values = [float(n * n % 17) - 8 for n in range(200)]
    assert sum_of(seen(values)) == sum_of(seen(values))
    assert sum_of(seen(values)) != sum_of(seen(values), seed=1)


def test_independent_values_have_the_error_of_theory() -> None:
    chance = np.random.default_rng(3)
    values = chance.normal(0.5, 2.0, 240)
    found = sum_of(seen(values.tolist()))
    assert found.value == pytest.approx(values.sum())
    assert found.error == pytest.approx(2.0 * sqrt(240), rel=0.2)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 120 < found.high


def test_values_that_move_together_have_longer_blocks_and_a_wider_interval() -> None:
    chance = np.random.default_rng(5)
    steps = chance.normal(0.0, 1.0, 256 + 20)
    moving = np.convolve(steps, np.ones(20), mode="valid")[:256]
    shuffled = chance.permutation(moving)
    assert block_length(moving) > 3 * block_length(shuffled)
    together, apart = sum_of(seen(moving.tolist())), sum_of(seen(shuffled.tolist()))
    assert together.error is not None
    assert apart.error is not None
    assert together.error > 2 * apart.error


def test_a_block_is_never_shorter_than_the_horizon() -> None:
    values = np.random.default_rng(1).normal(size=200).tolist()
    assert sum_of(seen(values, horizon=6 * 3600)).block_seconds >= 6 * 3600


def test_one_spell_is_one_observation_however_many_blocks_it_has() -> None:
    once = Observed([1000.0 + n for n in range(500)], [1.0] * 500, 10 * DAY, 300.0)
    found = sum_of(once)
    assert (found.value, found.low, found.p_value) == (500.0, None, None)
    assert found.spells < LEAST_SPELLS


def test_equal_values_are_no_certainty_about_the_sum_while_their_times_are_random() -> None:
    chance = np.random.default_rng(2)
    times = np.sort(chance.uniform(0, 10 * DAY, 100)).tolist()
    found = sum_of(Observed(times, [1.0] * 100, 10 * DAY, 60.0))
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < 100 < found.high
    assert found.p_value is not None
    assert found.p_value < 0.01


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
@settings(max_examples=examples(25))
def test_any_values_have_bounds_in_order(values: list[float]) -> None:
    found = sum_of(seen(values), resamples=200)
    if found.low is None or found.high is None or found.p_value is None:
        return
    assert found.low <= found.high
    assert 0.0 <= found.p_value <= 1.0


@pytest.mark.parametrize("bad", [[float("nan")], [float("inf"), 1.0]])
def test_what_is_no_number_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        sum_of(seen(bad))
