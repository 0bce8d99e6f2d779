"""The order book against a naive model, and against what must never be believed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.book import OrderBook
from bot.market.frames import BookFrame, Level
from models.enums import TradeSide

AT = datetime(2026, 11, 23, tzinfo=UTC)
D = Decimal


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    return tuple((D(price), D(qty)) for price, qty in pairs)


def frame(
    update_id: int,
    bids: tuple[Level, ...] = (),
    asks: tuple[Level, ...] = (),
    *,
    snapshot: bool = False,
) -> BookFrame:
    return BookFrame("BTCUSDT", AT, snapshot, bids, asks, update_id)


def book(bids: tuple[Level, ...], asks: tuple[Level, ...], update_id: int = 1) -> OrderBook:
    made = OrderBook("BTCUSDT")
    assert made.apply(frame(update_id, bids, asks, snapshot=True))
    return made


STANDARD = (
    levels(("99", "1"), ("98", "2"), ("97", "3")),
    levels(("101", "1"), ("102", "2"), ("103", "3")),
)

bid_prices = st.integers(1, 50).map(lambda n: D(n))
ask_prices = st.integers(51, 100).map(lambda n: D(n))
sizes = st.integers(0, 9).map(lambda n: D(n))


def changes(prices: st.SearchStrategy[Decimal]) -> st.SearchStrategy[tuple[Level, ...]]:
    return st.lists(st.tuples(prices, sizes), max_size=8).map(tuple)


@given(
    st.lists(st.tuples(st.booleans(), changes(bid_prices), changes(ask_prices)), min_size=1),
    st.integers(1, 60),
)
def test_it_equals_a_naive_model_and_is_sorted_and_never_crossed(
    steps: list[tuple[bool, tuple[Level, ...], tuple[Level, ...]]], count: int
) -> None:
    made, model = OrderBook("BTCUSDT"), (dict[D, D](), dict[D, D]())
    for number, (snapshot, bids, asks) in enumerate(steps):
        is_snapshot = snapshot or number == 0
        assert made.apply(frame(number + 10, bids, asks, snapshot=is_snapshot))
        if is_snapshot:
            model = ({}, {})
        for side, update in zip(model, (bids, asks), strict=True):
            side.update(dict(update))
        expected = [[(p, q) for p, q in side.items() if q] for side in model]
        assert made.bids() == tuple(sorted(expected[0], reverse=True))
        assert made.asks() == tuple(sorted(expected[1]))
        assert made.bids(count) == made.bids()[:count]
        assert made.asks(count) == made.asks()[:count]
        if made.mid is not None:
            assert made.best_bid is not None
            assert made.best_ask is not None
            assert made.best_bid < made.best_ask


@given(st.integers(2, 2**40).filter(lambda n: n != 6))
def test_a_gap_in_the_chain_empties_the_book_until_a_snapshot(update_id: int) -> None:
    made = book(*STANDARD, update_id=5)
    if update_id <= 5:
        assert made.apply(frame(update_id, levels(("99", "7"))))
        assert made.bids(1) == levels(("99", "1"))
        return
    assert not made.apply(frame(update_id, levels(("99", "7"))))
    assert (made.is_valid, made.mid, made.bids(), made.gaps) == (False, None, (), 1)
    assert not made.apply(frame(update_id + 1))
    assert made.apply(frame(update_id + 2, *STANDARD, snapshot=True))


def test_a_change_before_any_snapshot_is_not_taken() -> None:
    made = OrderBook("BTCUSDT")
    assert not made.apply(frame(3, *STANDARD))
    assert made.best_bid is None


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        (levels(("101", "1")), ()),
        (levels(("150", "1")), ()),
        ((), levels(("99", "1"))),
        (levels(("98", "-1")), ()),
        (levels(("0", "1")), ()),
        ((), levels(("-5", "1"))),
    ],
)
def test_a_crossed_or_impossible_book_is_broken(
    bids: tuple[Level, ...], asks: tuple[Level, ...]
) -> None:
    made = book(*STANDARD)
    assert not made.apply(frame(2, bids, asks))
    assert not made.is_valid


def test_deleting_an_unknown_level_changes_nothing() -> None:
    made = book(*STANDARD)
    assert made.apply(frame(2, levels(("50", "0"))))
    assert made.bids() == STANDARD[0]


def test_a_frame_of_another_symbol_is_a_defect() -> None:
    with pytest.raises(ValueError, match="ETHUSDT"):
        OrderBook("ETHUSDT").apply(frame(1, snapshot=True))


def test_depth_is_the_notional_within_a_distance_of_the_mid() -> None:
    made = book(*STANDARD)
    assert made.depth(TradeSide.BUY, 100) == D("99")
    assert made.depth(TradeSide.SELL, 100) == D("101")
    assert made.depth(TradeSide.BUY, 200) == D("99") + D("196")
    assert made.depth(TradeSide.BUY, 10) == 0
    assert OrderBook("BTCUSDT").depth(TradeSide.BUY, 100) is None


def test_walking_the_book_gives_average_worst_and_what_is_missing() -> None:
    walked = book(*STANDARD).walk(TradeSide.BUY, D("2"))
    assert walked is not None
    assert (walked.notional, walked.average_price) == (D("203"), D("101.5"))
    assert (walked.worst_price, walked.missing_qty, walked.cost_bps) == (D("102"), D(0), D(150))
    sold = book(*STANDARD).walk(TradeSide.SELL, D("7"))
    assert sold is not None
    assert (sold.qty, sold.missing_qty, sold.worst_price) == (D(6), D(1), D("97"))
    assert sold.cost_bps > 0


@given(st.integers(1, 12), st.sampled_from(TradeSide))
def test_walking_further_never_costs_less(qty: int, side: TradeSide) -> None:
    made = book(*STANDARD)
    near, far = made.walk(side, D(qty)), made.walk(side, D(qty + 1))
    assert near is not None
    assert far is not None
    assert far.cost_bps >= near.cost_bps
    assert near.qty + near.missing_qty == D(qty)


def test_nothing_can_be_walked_without_both_sides() -> None:
    assert book(STANDARD[0], ()).walk(TradeSide.BUY, D(1)) is None
    assert book(*STANDARD).walk(TradeSide.BUY, D(0)) is None


def test_imbalance_is_the_share_by_which_bids_outweigh_asks() -> None:
    made = book(levels(("99", "3")), levels(("101", "1")))
    assert made.imbalance() == 0.5
    assert book((), STANDARD[1]).imbalance() is None
