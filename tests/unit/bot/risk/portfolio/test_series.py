"""Returns of any kind are read by their shape, and what can't be said of them is unknown."""

from datetime import datetime, timedelta
from math import inf, nan, sqrt
from typing import Any

import pytest

from bot.risk.portfolio.regime import regime_of
from bot.risk.portfolio.series import (
    beta,
    correlation,
    daily,
    deviation,
    drawdown,
    sharpe,
    sortino,
    tail,
)

WAVE = tuple(0.01 if i % 2 else -0.008 for i in range(40))


class Series:
    """What a pandas series shows of itself: values in order, and an index of times."""

    def __init__(self, values: Any, step: timedelta) -> None:
        self.values = list(values)
        self.index = [datetime(2025, 1, 1) + step * i for i in range(len(self.values))]  # noqa: DTZ001

    def __iter__(self) -> Any:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


def test_lists_arrays_and_series_are_read_alike() -> None:
    numpy = pytest.importorskip("numpy")
    assert daily(list(WAVE)) == daily(numpy.array(WAVE)) == WAVE
    assert daily(Series(WAVE, timedelta(days=1))) == WAVE


@pytest.mark.parametrize(
    "spoilt",
    [
        None,
        [],
        "0.1,0.2",
        {"a": 0.1},
        [0.1, nan],
        [0.1, inf],
        [0.1, None],
        [True, False],
        [[0.1], [0.2]],
        5,
        [1e300, -1e300],
        Series(WAVE, timedelta(hours=1)),
        Series(WAVE, timedelta(days=7)),
        Series(WAVE, timedelta(days=-1)),
    ],
)
def test_what_are_no_daily_returns_is_unknown(spoilt: Any) -> None:
    assert daily(spoilt) is None


@pytest.mark.parametrize("returns", [None, (), (0.01,), (0.01,) * 40, (0.0,) * 40])
def test_of_constant_or_too_few_returns_everything_is_unknown(returns: Any) -> None:
    for measure in (deviation, tail, drawdown, sharpe, sortino, regime_of):
        assert measure(returns) is None  # type: ignore[operator]
    assert correlation(returns, WAVE, 60) is None
    assert beta(WAVE, returns, 60) is None


def test_gains_alone_have_no_downside_to_divide_by() -> None:
    assert sortino((0.01, 0.02) * 20) is None


def test_the_measures_are_those_of_the_books() -> None:
    worst = (-0.1, -0.2, *([0.01] * 37), 0.02)
    assert tail(worst) == pytest.approx((0.1, 0.15))
    assert drawdown((0.5, -0.5, 0.1)) == pytest.approx(0.5)
    spread = deviation(WAVE)
    assert spread == pytest.approx(0.009 * sqrt(40 / 39))
    assert sharpe(WAVE) == pytest.approx(0.001 / (0.009 * sqrt(40 / 39)) * sqrt(365))
    assert sortino(WAVE) == pytest.approx(0.001 / sqrt(0.008**2 / 2) * sqrt(365))
    doubled = tuple(2 * each for each in WAVE)
    assert beta(doubled, WAVE, 60) == pytest.approx(2)
    assert correlation(doubled, WAVE, 60) == pytest.approx(1)
    assert correlation(WAVE, tuple(-each for each in WAVE), 60) == pytest.approx(-1)
