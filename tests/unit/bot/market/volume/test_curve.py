"""The intraday curve: the mean of the time of day, smooth, positive."""

from dataclasses import replace

import numpy as np
import pytest

from bot.market.volume.curve import NotEnoughBars, ahead, intraday_curves, relative_volume
from bot.market.volume.panel import DAY_MINUTES, Panel
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, bars, panel


def _with_volume(volume: np.ndarray) -> Panel:
    return Panel.of([replace(bars("AAAUSDT", len(volume) / DAY_MINUTES), volume=volume)])


def test_the_same_day_again_gives_a_curve_with_the_days_total() -> None:
    day = 1.0 + np.arange(DAY_MINUTES) % 97
    curve = intraday_curves(_with_volume(np.tile(day, 3)))[0]
    assert curve.sum() == pytest.approx(day.sum())


def test_smoothing_goes_around_midnight() -> None:
    volume = np.ones(DAY_MINUTES)
    volume[(0 - FIRST_MINUTE) % DAY_MINUTES] = 16.0
    curve = intraday_curves(_with_volume(volume))[0]
    assert curve[[DAY_MINUTES - 7, DAY_MINUTES - 1, 0, 7]] == pytest.approx(2.0)
    assert curve[[DAY_MINUTES - 8, 8]] == pytest.approx(1.0)


def test_a_dead_hour_keeps_a_positive_curve() -> None:
    volume = np.ones(DAY_MINUTES)
    volume[:120] = 0.0
    assert intraday_curves(_with_volume(volume)).min() > 0.0


def test_less_than_a_day_is_not_enough() -> None:
    with pytest.raises(NotEnoughBars):
        intraday_curves(panel(0.9))


def test_a_symbol_that_never_traded_has_no_curve() -> None:
    with pytest.raises(NotEnoughBars):
        intraday_curves(_with_volume(np.zeros(DAY_MINUTES)))


def test_the_curve_ahead_goes_on_after_midnight() -> None:
    curve = np.arange(float(DAY_MINUTES))
    assert ahead(curve, np.array([DAY_MINUTES * 5 - 1]), 3).tolist() == [[1439.0, 0.0, 1.0]]


def test_relative_volume_is_one_on_average() -> None:
    bars_of_days = panel(3)
    relative = relative_volume(bars_of_days, intraday_curves(bars_of_days))
    assert relative.mean() == pytest.approx(1.0, abs=0.05)
