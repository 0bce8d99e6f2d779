import numpy as np
import pytest

from benchmarks.market_statistics import (
    compared,
    histogram_distance,
    observe_exchange,
    observe_frames,
    until,
    wasserstein,
)
from paper_exchange.market.synthetic import SyntheticMarket
from paper_exchange.types import BookUpdate, MarketTrade

SYMBOL = "XUSDT"
KEY = ("linear", SYMBOL)


def test_distances_are_nought_for_one_sample_and_grow_with_the_shift() -> None:
    sample = np.random.default_rng(1).normal(size=5000)
    assert wasserstein(sample, sample) == histogram_distance(sample, sample) == 0
    assert wasserstein(sample + 2, sample) == pytest.approx(2 / sample.std())
    assert histogram_distance(sample + 100, sample) == 1


def test_a_book_is_seen_with_spread_depth_imbalance_and_the_response_to_a_trade() -> None:
    seen = observe_frames(
        [
            BookUpdate(*KEY, 0, [(999, 30), (998, 5)], [(1001, 10)], True),
            MarketTrade(*KEY, 50, 1001, 10, "Buy"),
            BookUpdate(*KEY, 100, [(1000, 20)], [(1001, 0), (1002, 10)]),
            BookUpdate(*KEY, 2000, [(1000, 0)], []),
        ],
        SYMBOL,
    )
    assert seen.times == [0, 100, 2000]
    assert seen.spreads == [2, 2, 3]
    assert seen.depths == [45, 65, 45]
    assert seen.imbalances == [0.5, pytest.approx(1 / 3), 0.5]
    assert seen.response(0.1) == pytest.approx(10)  # one tick of 1000
    assert seen.response(5) is None


def test_the_exchange_shows_what_the_source_said() -> None:
    market = SyntheticMarket(3, ["BTCUSDT"])
    plain = observe_frames(until(market.events(), 20), "BTCUSDT")
    found = compared(observe_exchange(market, 20, "BTCUSDT"), plain)
    assert all(row["l1"] == row["wasserstein"] == 0 for row in found["distributions"].values())
