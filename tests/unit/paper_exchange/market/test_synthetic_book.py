"""The synthetic book: sizes of its trades, its sweeps, and its portions."""

from dataclasses import replace
from itertools import chain, pairwise
from operator import attrgetter

import numpy as np
import pytest

from paper_exchange.market import parameters
from paper_exchange.market.synthetic_book import BookMaker, heavy_tailed
from paper_exchange.market.synthetic_path import PathGenerator
from paper_exchange.types import BookUpdate, MarketEvent, MarketTrade
from tests.unit.paper_exchange.market.books import replay


def test_trade_sizes_have_mean_one_and_a_heavy_tail() -> None:
    sizes = heavy_tailed(np.random.default_rng(1), 400_000)
    assert abs(sizes.mean() - 1) < 0.05
    top = np.sort(sizes)[-2000:]
    assert 1.2 < 1 / np.mean(np.log(top / top[0])) < 1.9


@pytest.mark.parametrize("updates", [1, 3, 5])
@pytest.mark.parametrize("place", [0, 3, 5])
def test_a_book_with_a_thin_touch_stays_whole_through_its_sweeps(place: int, updates: int) -> None:
    thin = parameters.INSTRUMENTS[place]
    trade_usd = thin.daily_volume_usd / (86_400 * thin.trades_per_second)
    thin = replace(thin, touch_usd=trade_usd, level_usd=trade_usd / 2)
    coin = [c.coin for c in parameters.COINS].index(thin.symbol.removesuffix("USDT"))
    maker = BookMaker(thin, coin, 50, np.random.default_rng(place), updates)
    path = PathGenerator(place)
    block = maker.plan(maker.draw(path.block()))
    events: list[MarketEvent] = [maker.opening(block)]
    sweeps = 0
    for number in range(2):
        following = maker.plan(maker.draw(path.block()))
        maker.begin(block)
        sweeps += len(block.swept)
        for first, end in ((0, 7), (7, 8), (8, 600)):
            part = maker.play(block, first, end, number * 60_000)
            events += sorted(part, key=attrgetter("ts_ms"))
        block = following
    assert sweeps > 30
    for event, bids, asks in replay(events):
        if isinstance(event, BookUpdate):
            assert max(bids) < min(asks)
        elif isinstance(event, MarketTrade):
            side = asks if event.side == "Buy" else bids
            assert event.price == (min(asks) if event.side == "Buy" else max(bids))
            assert 0 < event.qty <= side[event.price]
            side[event.price] -= event.qty
    assert len(bids) == len(asks) == parameters.BOOK_LEVELS + 1
    assert min(*bids.values(), *asks.values()) > 0


def test_the_portions_in_which_a_block_is_played_change_nothing() -> None:
    def played(portions: list[int]) -> list[MarketEvent]:
        maker = BookMaker(parameters.INSTRUMENTS[2], 2, 50, np.random.default_rng(3), 2)
        block = maker.plan(maker.draw(PathGenerator(3).block()))
        maker.opening(block)
        maker.begin(block)
        parts = [maker.play(block, first, end, 0) for first, end in pairwise(portions)]
        return sorted(chain.from_iterable(parts), key=attrgetter("ts_ms"))

    assert played([0, 600]) == played([0, 1, 20, 300, 600])
