"""The synthetic market is deterministic, coherent and as heavy-tailed as its parameters say."""

from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.market.synthetic import MAX_UPDATES, SyntheticMarket
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
@given(seed=st.integers(0, 2**32), updates=st.integers(1, MAX_UPDATES))
def test_books_never_cross_and_stay_deep_and_time_never_goes_back(seed: int, updates: int) -> None:
    last = 0
    market = SyntheticMarket(seed, updates=updates)
    for event, bids, asks in replay(islice(market.events(), 6000)):
        assert event.ts_ms >= last
        last = event.ts_ms
        if isinstance(event, BookUpdate):
            assert max(bids) < min(asks)
            assert min(len(bids), len(asks)) >= 990


@settings(max_examples=examples(5))
@given(seed=st.integers(0, 2**32), updates=st.sampled_from([1, MAX_UPDATES]))
def test_trades_take_only_what_the_best_level_displays(seed: int, updates: int) -> None:
    trades = 0
    market = SyntheticMarket(seed, updates=updates)
    for event, bids, asks in replay(islice(market.events(), 6000)):
        if isinstance(event, MarketTrade):
            trades += 1
            side = asks if event.side == "Buy" else bids
            assert event.price == (min(asks) if event.side == "Buy" else max(bids))
            assert 0 < event.qty <= side[event.price]
            side[event.price] -= event.qty
    assert trades > 100


def test_five_updates_in_a_step_are_ten_to_twenty_milliseconds_apart() -> None:
    def times(updates: int) -> list[int]:
        events = islice(SyntheticMarket(3, ["BTCUSDT"], updates=updates).events(), 4000)
        return [e.ts_ms for e in events if isinstance(e, BookUpdate) and e.category == "linear"]

    many = times(MAX_UPDATES)
    assert {at for at in times(1) if at <= many[-1]} <= set(many)
    gaps = [later - earlier for earlier, later in pairwise(many) if later > earlier]
    assert sorted(gaps)[len(gaps) // 2] in range(10, 21)
    with pytest.raises(ValueError, match="0 book updates"):
        SyntheticMarket(updates=0)


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
