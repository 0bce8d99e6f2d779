"""The square-root law's Y comes back from trades that were made with it."""

import random
from dataclasses import replace
from math import sqrt

import pytest

from bot.errors import Refused
from bot.risk.sizing import sqrt_impact
from bot.tca.impact import MIN_POINTS, ImpactPoint, fit_impact


def trades(count: int, y: float, noise: float, seed: int = 3) -> list[ImpactPoint]:
    """Own impact with Gaussian noise of `noise` times the law's size."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        filled, volume, sigma = 10 ** chance.uniform(3, 6), 8e9, chance.uniform(0.01, 0.06)
        law = sigma * sqrt(filled / volume)
        made.append(ImpactPoint(law * (y + noise * chance.gauss(0, 1)), filled, volume, sigma))
    return made


def test_the_fitted_law_is_the_gates_law() -> None:
    point = ImpactPoint(0.001, 50_000.0, 8e9, 0.03)
    assert point.law == pytest.approx(sqrt_impact(50_000.0, 8e9, 0.03, 1.0))


@pytest.mark.parametrize("y", [0.4, 0.8, 1.5])
def test_y_comes_back_within_its_interval(y: float) -> None:
    fit = fit_impact(trades(800, y, noise=1.0))
    assert fit.low < y < fit.high
    assert fit.coefficient == pytest.approx(y, abs=0.15)
    assert fit.is_significant
    assert (fit.points, fit.left_out) == (800, 0)


def test_wild_outliers_hardly_move_it() -> None:
    clean = trades(300, 1.0, noise=0.5)
    wild = [replace(p, impact=p.impact * 1e6) if i % 20 == 0 else p for i, p in enumerate(clean)]
    assert fit_impact(wild).coefficient == pytest.approx(fit_impact(clean).coefficient, abs=0.12)


def test_no_impact_is_not_called_one() -> None:
    assert not fit_impact(trades(200, 0.0, noise=1.0)).is_significant


def test_trades_that_moved_the_other_way_count() -> None:
    points = trades(100, 1.0, noise=0.0)
    turned = [replace(p, impact=-p.impact) if i < 60 else p for i, p in enumerate(points)]
    assert fit_impact(turned).coefficient == pytest.approx(-1.0)


def test_too_few_trades_are_refused() -> None:
    with pytest.raises(Refused, match=f"29 usable trades are too few.*{MIN_POINTS}"):
        fit_impact(trades(29, 1.0, 0.1))


def test_trades_without_volume_or_volatility_are_left_out_and_counted() -> None:
    good = trades(40, 1.0, 0.1)
    bad = [
        replace(good[0], day_volume=0.0),
        replace(good[0], day_volatility=float("nan")),
        replace(good[0], impact=float("inf")),
        replace(good[0], filled=0.0),
    ]
    fit = fit_impact(good + bad)
    assert (fit.points, fit.left_out) == (40, 4)
