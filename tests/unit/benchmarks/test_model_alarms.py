"""A worse model is found sooner, and runs that are cut off count with their time."""

import numpy as np

from benchmarks.model_alarms import alarms, independent, overlapping, run_length


def test_runs_without_an_alarm_lengthen_the_mean() -> None:
    assert run_length(np.array([10.0, 100.0, 100.0]), most=100) == 210
    assert run_length(np.array([100.0, 100.0]), most=100) == 200


def test_labels_are_right_as_often_as_the_model_is() -> None:
    chance = np.random.default_rng(1)
    for labels in (independent, overlapping):
        found = labels(chance, 0.6, 200, 500)
        assert found.shape == (500, 200)
        assert abs(found.mean() - 0.6) < 0.05


def test_a_model_that_became_a_coin_is_found_long_before_a_good_one() -> None:
    given = {"stake": 1 / 1_500, "lanes": 1, "runs": 40, "most": 2_000}
    good = alarms(independent, 0.6, **given)
    coin = alarms(independent, 0.5, **given)
    assert np.median(coin) < np.median(good)
    assert np.array_equal(coin, alarms(independent, 0.5, **given))
