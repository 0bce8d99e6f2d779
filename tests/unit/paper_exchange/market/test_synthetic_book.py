"""Sizes of trades in the synthetic book."""

import numpy as np

from paper_exchange.market.synthetic_book import heavy_tailed


def test_trade_sizes_have_mean_one_and_a_heavy_tail() -> None:
    sizes = heavy_tailed(np.random.default_rng(1), 400_000)
    assert abs(sizes.mean() - 1) < 0.05
    top = np.sort(sizes)[-2000:]
    assert 1.2 < 1 / np.mean(np.log(top / top[0])) < 1.9
