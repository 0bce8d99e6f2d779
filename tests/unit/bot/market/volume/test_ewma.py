"""Averages that know the past only, equal to the recursion they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.volume.ewma import known_before


@given(
    length=st.integers(1, 300), span=st.sampled_from([1.0, 2.0, 30.0, 1440.0]), seed=st.integers(0)
)
def test_the_blocks_give_what_the_recursion_gives(length: int, span: float, seed: int) -> None:
    series = np.random.default_rng(seed).exponential(1.0, (2, length))
    state, weight = np.ones(2), 2.0 / (span + 1.0)
    expected = [state]
    for values in series.T:
        state = state + weight * (values - state)
        expected.append(state)
    assert known_before(series, [span])[0] == pytest.approx(np.array(expected).T, rel=1e-9)


@given(cut=st.integers(0, 299), seed=st.integers(0))
def test_a_column_never_depends_on_its_own_minute_or_later(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    series = rng.exponential(1.0, (2, 300))
    other = series.copy()
    other[:, cut:] = rng.exponential(9.0, (2, 300 - cut))
    before = known_before(series, [2.0, 120.0])[:, :, : cut + 1]
    assert np.array_equal(before, known_before(other, [2.0, 120.0])[:, :, : cut + 1])
