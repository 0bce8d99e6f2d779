"""Sizes of the levels behind the touch."""

import numpy as np

from paper_exchange.market import parameters
from paper_exchange.market.level_sizes import NOISE, LevelSizes, fades, medians, noises

INSTRUMENT = parameters.INSTRUMENTS[0]


def test_median_sizes_grow_up_to_a_level_and_stay_there() -> None:
    sizes = medians(INSTRUMENT, 2.0)
    assert len(sizes) == parameters.BOOK_LEVELS
    assert sizes[0] == 2.0 * INSTRUMENT.level_usd
    grown = parameters.GROWN_LEVELS
    assert (np.diff(sizes[: grown + 1]) > 0).all()
    assert (sizes[grown:] == sizes[0] * (1 + parameters.LEVEL_SIZE_GROWTH)).all()


def test_the_noise_has_mean_one_and_the_listed_dispersion() -> None:
    table = noises(np.random.default_rng(1))
    assert abs(table.mean() - 1) < 0.05
    assert abs(np.log(table).std() - parameters.LEVEL_SIZE_LOG_SD) < 0.05


def test_a_tilt_multiplies_the_first_level_and_fades_behind_it() -> None:
    sizes = LevelSizes(INSTRUMENT, 1000.0, np.random.default_rng(1))
    levels, draws = np.array([0, 8, 900]), np.array([5, 5, 5])
    plain, tilted = sizes.drawn(levels, draws, 1.0), sizes.drawn(levels, draws, 3.0)
    assert np.allclose(tilted / plain, 1 + 2 * fades()[levels], rtol=1e-5)


def test_the_noise_comes_again_after_its_whole_table_and_no_size_is_zero() -> None:
    sizes = LevelSizes(INSTRUMENT, 1e-9, np.random.default_rng(1))
    assert sizes.drawn(np.array([0, 7]), np.array([0, NOISE]), 1.0).tolist() == [1, 1]
    sizes = LevelSizes(INSTRUMENT, 1000.0, np.random.default_rng(1))
    first, second, again = sizes.drawn(np.zeros(3, int), np.array([3, 4, 3 + NOISE]), 1.0).tolist()
    assert first == again != second
