"""Confidence intervals: seeded, ordered, and as wide as they ought to be."""

import random
from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Refused
from bot.tca.resampling import bootstrap


def test_the_same_data_and_seed_give_the_same_interval() -> None:
    values = [float(i * i % 17) for i in range(40)]
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values) != bootstrap(values, seed=1)


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    chance = random.Random(7)
    values = [chance.gauss(3.0, 2.0) for _ in range(400)]
    found = bootstrap(values)
    assert found.low is not None and found.high is not None
    assert found.low < 3.0 < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * 2.0 / 20, rel=0.15)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12), st.sampled_from([fmean, median]))
def test_the_bounds_are_in_order_and_within_the_data(
    values: list[float], statistic: object
) -> None:
    found = bootstrap(values, fmean if statistic is fmean else median, resamples=50)
    assert found.low is not None and found.high is not None
    assert min(values) - 1e-6 <= found.low <= found.high <= max(values) + 1e-6


def test_one_value_has_no_interval() -> None:
    found = bootstrap([4.0])
    assert (found.value, found.low, found.high, found.count) == (4.0, None, None, 1)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_no_values_and_values_that_are_none_are_refused(values: list[float]) -> None:
    with pytest.raises(Refused):
        bootstrap(values)
