"""Least squares by bucket of horizons."""

import numpy as np
import pytest

from bot.market.volume import regression
from bot.market.volume.curve import NotEnoughBars


def test_every_horizon_has_a_bucket_and_the_last_goes_on() -> None:
    buckets = regression.bucket_of(500)
    assert buckets[[0, 1, 4, 5, 6, 239, 499]].tolist() == [0, 1, 4, 4, 5, 15, 15]


def test_an_exact_linear_relation_is_found() -> None:
    rng = np.random.default_rng(1)
    relative = rng.exponential(1.0, 2000)
    known = np.stack([np.ones(2001), np.concatenate([[1.0], relative])], axis=1)
    # The next minute repeats what its feature says: the feature is made from the future here.
    known[:2000, 1] = (relative - 0.3) / 0.5
    coefficients = regression.solve(*regression.moments(known, relative, 10), ridge=0.0)
    assert coefficients[0] == pytest.approx([0.3, 0.5])
    assert coefficients[10, 1] == pytest.approx(0.0, abs=0.1)


def test_a_feature_that_never_moves_does_no_harm() -> None:
    relative = np.random.default_rng(1).exponential(1.0, 2000)
    known = np.ones((2001, 3))
    coefficients = regression.solve(*regression.moments(known, relative, 10), ridge=0.0)
    assert (known[:1] @ coefficients.T)[0] == pytest.approx(relative.mean(), abs=0.1)


def test_a_forecast_stays_positive() -> None:
    falling = np.full((16, 2), -5.0)
    ahead = regression.predict(np.ones((1, 2)), falling, 300)
    assert (ahead == regression.LEAST_RELATIVE).all()


def test_too_few_bars_are_refused() -> None:
    with pytest.raises(NotEnoughBars):
        regression.moments(np.ones((400, 2)), np.ones(399), 10)
