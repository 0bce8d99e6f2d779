"""What a fit makes of the value in force: only what the data show, a bounded step at a time."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.tca.impact import ImpactFit
from bot.tca.refit import CEILING, FLOOR, MAX_STEP, judged
from config.sections import DECLARED

D = Decimal


def fit(coefficient: float, low: float, high: float) -> ImpactFit:
    return ImpactFit(coefficient, low, high, points=100, left_out=0)


def test_a_fit_above_the_value_raises_it_to_the_fit() -> None:
    assert judged(fit(1.4, 1.2, 1.6), 1.0).wished == D("1.4")


def test_a_fit_under_the_value_lowers_it_only_to_what_the_data_rule_out() -> None:
    assert judged(fit(0.6, 0.5, 0.7), 1.0).wished == D("0.7")


def test_a_value_inside_the_interval_stays() -> None:
    verdict = judged(fit(1.1, 0.9, 1.3), 1.0)
    assert verdict.wished is None
    assert verdict.because == "Y = 1.100 [0.900, 1.300] of 100 trades doesn't contradict 1"


@pytest.mark.parametrize("low", [0.0, -0.4])
def test_a_fit_that_shows_no_impact_changes_nothing(low: float) -> None:
    verdict = judged(fit(0.2, low, 0.5), 1.0)
    assert verdict.wished is None
    assert "no impact" in verdict.because


def test_a_day_moves_the_value_by_a_factor_of_two_at_most() -> None:
    assert judged(fit(4.0, 3.5, 4.5), 1.0).wished == D(2)
    assert judged(fit(0.25, 0.2, 0.3), 1.0).wished == D("0.5")


def test_beyond_what_any_market_showed_the_fit_is_not_followed() -> None:
    assert judged(fit(50.0, 40.0, 60.0), 4.0).wished == CEILING
    assert judged(fit(0.01, 0.005, 0.02), 0.3).wished == FLOOR
    assert judged(fit(50.0, 40.0, 60.0), float(CEILING)).wished is None
    assert judged(fit(0.01, 0.005, 0.02), float(FLOOR)).wished is None


def test_a_fit_that_asks_for_more_never_lowers_a_value_that_a_person_set_beyond_the_ceiling() -> (
    None
):
    assert judged(fit(50.0, 40.0, 60.0), 8.0).wished is None


positive = st.floats(0.001, 1000.0)


@given(positive, positive, positive, positive)
def test_whatever_the_fit_the_step_is_bounded_valid_and_towards_it(
    first: float, second: float, third: float, in_force: float
) -> None:
    low, middle, high = sorted((first, second, third))
    wished = judged(fit(middle, low, high), in_force).wished
    if wished is None:
        return
    old = D(repr(in_force))
    assert old / MAX_STEP <= wished <= old * MAX_STEP
    assert wished > DECLARED["gate.impact_coefficient"].above
    assert (wished > old) == (low > in_force)
    assert not low <= in_force <= high
