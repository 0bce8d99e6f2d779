"""EWMA volatility on a grid."""

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.volatility import EwmaVolatility, VolatilitySettings, from_closes

START = datetime(2026, 11, 23, tzinfo=UTC)


def feed(estimate: EwmaVolatility, prices: list[float], step: float = 1.0) -> None:
    for number, price in enumerate(prices):
        estimate.update(START + timedelta(seconds=number * step), price)


def walk(daily: float, count: int, step: float = 1.0) -> list[float]:
    rng = random.Random(7)
    sigma = daily * math.sqrt(step / 86_400)
    prices = [100.0]
    for _ in range(count):
        prices.append(prices[-1] * math.exp(rng.gauss(0, sigma)))
    return prices


@pytest.mark.parametrize("daily", [0.01, 0.05, 0.4])
def test_it_recovers_the_daily_volatility_of_a_random_walk(daily: float) -> None:
    estimate = EwmaVolatility(VolatilitySettings(half_life_seconds=1800))
    feed(estimate, walk(daily, 10_000))
    assert estimate.per_day == pytest.approx(daily, rel=0.1)


def test_it_does_not_depend_on_how_often_prices_arrive() -> None:
    prices = walk(0.05, 3000)
    once, thrice = (EwmaVolatility(VolatilitySettings()) for _ in range(2))
    feed(once, prices)
    feed(thrice, [price for price in prices for _ in range(4)], step=0.25)
    assert once.per_day is not None
    assert thrice.per_day == pytest.approx(once.per_day, rel=1e-9)


def test_it_says_nothing_before_it_is_warm() -> None:
    estimate = EwmaVolatility(VolatilitySettings(warm_up_returns=20))
    feed(estimate, walk(0.05, 19))
    assert estimate.per_day is None


def test_a_move_over_an_outage_is_spread_over_its_duration() -> None:
    estimate = EwmaVolatility(VolatilitySettings(half_life_seconds=600))
    feed(estimate, [100.0] * 100)
    after = START + timedelta(seconds=99 + 600)
    estimate.update(after, 101.0)
    # One half-life of weight at the outage's own rate of variance, the calm before it the rest.
    rate = math.log(1.01) ** 2 / 600
    calm = 1 - 0.5 ** (99 / 600)
    expected = math.sqrt(rate * 0.5 / (0.5 + 0.5 * calm) * 86_400)
    assert estimate.per_day == pytest.approx(expected, rel=0.01)


def test_a_jump_raises_it_and_calm_lets_it_fall_by_half_lives() -> None:
    estimate = EwmaVolatility(VolatilitySettings(half_life_seconds=60))
    feed(estimate, [100.0] * 300 + [101.0] * 2)
    jumped = estimate.per_day
    assert jumped is not None
    for second in range(302, 363):
        estimate.update(START + timedelta(seconds=second), 101.0)
    assert estimate.per_day == pytest.approx(jumped / math.sqrt(2), rel=0.02)


@given(st.lists(st.sampled_from([0.0, -1.0, math.nan, math.inf, 100.0, 100.1]), max_size=60))
def test_unusable_prices_never_make_it_unusable(prices: list[float]) -> None:
    estimate = EwmaVolatility(VolatilitySettings(warm_up_returns=1))
    feed(estimate, prices)
    assert estimate.per_day is None or 0 <= estimate.per_day < math.inf


def test_a_price_from_before_the_current_step_is_left_out() -> None:
    estimate = EwmaVolatility(VolatilitySettings(warm_up_returns=1))
    feed(estimate, [100.0, 100.0, 100.0])
    estimate.update(START, 50.0)
    estimate.update(START + timedelta(seconds=4), 100.0)
    assert estimate.per_day == VolatilitySettings().floor_per_day


def test_a_price_that_stands_still_is_not_free_of_risk() -> None:
    estimate = EwmaVolatility(VolatilitySettings(floor_per_day=0.004))
    feed(estimate, [100.0] * 60)
    assert estimate.per_day == 0.004


def test_a_seed_counts_by_its_weight_at_once() -> None:
    estimate = EwmaVolatility(VolatilitySettings())
    estimate.seed(0.03, weight=0.9)
    assert estimate.per_day == pytest.approx(0.03)
    feed(estimate, walk(0.03, 500))
    assert estimate.per_day == pytest.approx(0.03, rel=0.3)
    with pytest.raises(ValueError, match="seed"):
        estimate.seed(math.nan, weight=0.5)


def test_closes_of_bars_give_a_seed() -> None:
    closes = [
        (START + timedelta(minutes=number), Decimal(str(price)))
        for number, price in enumerate(walk(0.03, 1000, step=60.0))
    ]
    assert from_closes(closes) == pytest.approx(0.03, rel=0.1)
    assert from_closes(closes[:20]) is None
    assert from_closes([(at, Decimal(5)) for at, _ in closes]) is None
