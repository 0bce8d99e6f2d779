from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.market.older import DAY_MINUTES, DAYS, FlatHistory, OlderHistory, joined
from tests.support.properties import examples


@settings(max_examples=examples(10))
@given(
    st.integers(0, DAY_MINUTES - 1),
    st.integers(1, 10_000_000),
    st.floats(0, 1e6),
    st.integers(1, DAYS),
)
def test_days_join_without_a_gap_and_their_bars_are_whole(
    minute: int, price: int, volume: float, day: int
) -> None:
    history = OlderHistory("X", minute, price, volume)
    rows = np.concatenate([history.minutes(day), history.minutes(day - 1)])
    opened, high, low, closed, amount, turnover = rows.T
    assert len(rows) == DAY_MINUTES + (DAY_MINUTES if day > 1 else minute)
    assert (low >= 1).all() and (amount >= 1).all()
    assert (low <= np.minimum(opened, closed)).all() and (high >= np.maximum(opened, closed)).all()
    assert (low * amount <= turnover).all() and (turnover <= high * amount).all()
    assert (closed[:-1] == opened[1:]).all()
    if day == 1:
        assert closed[-1] == price


def test_a_day_is_the_same_whenever_and_for_whomever_it_is_drawn() -> None:
    one, other = (OlderHistory("BTC", 700, 1_000_000, 5.0) for _ in range(2))
    one.days()
    assert (one.minutes(900) == other.minutes(900)).all()
    assert (joined(other.minutes(900), DAY_MINUTES) == one.days()[899:900]).all()
    assert not (OlderHistory("ETH", 700, 1_000_000, 5.0).minutes(900) == one.minutes(900)).all()


def test_a_thousand_days_stay_within_reach_of_the_present_price() -> None:
    closes = OlderHistory("BTC", 0, 1_000_000, 5.0).days()[:, 3]
    assert len(closes) == DAYS
    assert 100_000 < closes.min() < closes.max() < 10_000_000
    moves = np.diff(np.log(closes.astype(float)))
    assert moves.std() == pytest.approx(0.03, rel=0.2)


def test_a_flat_past_has_no_trades() -> None:
    flat = FlatHistory(3, 7)
    assert flat.minutes(0).tolist() == [[7, 7, 7, 7, 0, 0]] * 3
    assert (len(flat.minutes(5)), len(flat.days())) == (DAY_MINUTES, DAYS)
    assert all(a == b for a, b in pairwise(flat.days().tolist()))
