"""The synthetic market is deterministic, coherent and as heavy-tailed as its parameters say."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.market import parameters
from paper_exchange.market.synthetic import SyntheticMarket
from paper_exchange.market.synthetic_book import heavy_tailed
from paper_exchange.market.synthetic_path import PathGenerator, autoregress
from paper_exchange.types import BookUpdate, MarketTrade, MarkUpdate
from tests.support.properties import examples
from tests.unit.paper_exchange.market.books import replay


def test_the_same_seed_gives_the_same_events() -> None:
    first = list(islice(SyntheticMarket(seed=7).events(), 3000))
    assert first == list(islice(SyntheticMarket(seed=7).events(), 3000))
    assert first != list(islice(SyntheticMarket(seed=8).events(), 3000))


def test_leaving_symbols_out_changes_nothing_for_the_others() -> None:
    everything = islice(SyntheticMarket(seed=5).events(), 9000)
    alone = [e for e in everything if e.symbol == "SOLUSDT"]
    assert alone == list(islice(SyntheticMarket(seed=5, symbols=["SOLUSDT"]).events(), len(alone)))


def test_an_unknown_symbol_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="PEPEUSDT"):
        SyntheticMarket(symbols=["PEPEUSDT"])


@settings(max_examples=examples(5))
@given(seed=st.integers(0, 2**32))
def test_books_never_cross_and_stay_deep_and_time_never_goes_back(seed: int) -> None:
    last = 0
    for event, bids, asks in replay(islice(SyntheticMarket(seed=seed).events(), 12_000)):
        assert event.ts_ms >= last
        last = event.ts_ms
        if isinstance(event, BookUpdate):
            assert max(bids) < min(asks)
            assert min(len(bids), len(asks)) >= 50


@settings(max_examples=examples(5))
@given(seed=st.integers(0, 2**32))
def test_trades_take_only_what_the_best_level_displays(seed: int) -> None:
    trades = 0
    for event, bids, asks in replay(islice(SyntheticMarket(seed=seed).events(), 12_000)):
        if isinstance(event, MarketTrade):
            trades += 1
            side = asks if event.side == "Buy" else bids
            assert event.price == (min(asks) if event.side == "Buy" else max(bids))
            assert 0 < event.qty <= side[event.price]
            side[event.price] -= event.qty
    assert trades > 1000


def test_every_instrument_opens_with_a_snapshot_and_a_reference_price() -> None:
    market = SyntheticMarket(seed=1)
    keys = {spec.key for spec in market.instruments()}
    opening = list(islice(market.events(), 2 * len(keys)))
    assert {(e.category, e.symbol) for e in opening if isinstance(e, BookUpdate)} == keys
    assert all(e.snapshot for e in opening if isinstance(e, BookUpdate))
    marks = [e for e in opening if isinstance(e, MarkUpdate)]
    assert {(e.category, e.symbol) for e in marks} == keys
    assert all(e.mark_price and e.funding_rate is not None for e in marks if e.category == "linear")
    assert all(e.index_price for e in marks)


def test_rules_agree_with_the_facts() -> None:
    specs = {spec.key: spec for spec in SyntheticMarket().instruments()}
    btc = specs["linear", "BTCUSDT"]
    assert (str(btc.tick_size), str(btc.qty_step), str(btc.min_notional)) == ("0.1", "0.001", "5")
    assert btc.raw["lotSizeFilter"]["qtyStep"] == "0.001"
    assert specs["spot", "ETHUSDT"].raw["lotSizeFilter"]["basePrecision"] == "0.00001"


@pytest.fixture(scope="module")
def minute_returns() -> np.ndarray:
    path = PathGenerator(seed=1)
    prices = np.array([path.block().log_price[-1] for _ in range(3 * 1440)])
    return np.diff(prices, axis=0)


def test_returns_are_heavy_tailed_and_have_the_listed_volatility(
    minute_returns: np.ndarray,
) -> None:
    daily_bps = minute_returns.std(axis=0) * np.sqrt(1440) * 1e4
    listed = np.array([c.daily_sigma_bps for c in parameters.COINS])
    assert np.all(np.abs(daily_bps / listed - 1) < 0.25)
    centred = minute_returns / minute_returns.std(axis=0)
    assert np.all((centred**4).mean(axis=0) > 6)


def test_coins_move_together_as_measured(minute_returns: np.ndarray) -> None:
    correlation = np.corrcoef(minute_returns.T)
    pairs = correlation[np.triu_indices(4, 1)]
    assert np.all((pairs > 0.65) & (pairs < 0.9))


def test_volatility_comes_in_regimes(minute_returns: np.ndarray) -> None:
    hours = minute_returns[: len(minute_returns) // 60 * 60].reshape(-1, 60, 4)
    low, high = np.quantile(np.sqrt((hours**2).mean(axis=1)), [0.1, 0.9], axis=0)
    assert np.all(high / low > 2)


def test_pressure_leads_returns_mildly_and_returns_stay_white() -> None:
    path = PathGenerator(seed=2)
    blocks = [path.block() for _ in range(300)]
    lead = [
        np.corrcoef(b.pressure[:-50, 0], b.log_price[50:, 0] - b.log_price[:-50, 0])[0, 1]
        for b in blocks
    ]
    assert 0.2 < float(np.mean(lead)) < 0.4
    surprises = np.concatenate([b.surprise[:, 0] for b in blocks])
    seconds = surprises.reshape(-1, 10).sum(axis=1)
    assert abs(np.corrcoef(seconds[:-1], seconds[1:])[0, 1]) < 0.03


def test_trade_sizes_have_mean_one_and_a_heavy_tail() -> None:
    sizes = heavy_tailed(np.random.default_rng(1), 400_000)
    assert abs(sizes.mean() - 1) < 0.05
    top = np.sort(sizes)[-2000:]
    assert 1.2 < 1 / np.mean(np.log(top / top[0])) < 1.9


@given(
    start=st.floats(-5, 5),
    shocks=st.lists(st.floats(-5, 5), min_size=1, max_size=50),
    decay=st.floats(0.5, 0.999),
)
def test_the_vectorised_recursion_equals_the_loop(
    start: float, shocks: list[float], decay: float
) -> None:
    expected, y = [], start
    for shock in shocks:
        y = decay * y + shock
        expected.append(y)
    assert np.allclose(autoregress(np.array(start), np.array(shocks), decay), expected)
