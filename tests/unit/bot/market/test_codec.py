"""MarketView through JSON and back, and what is refused on the way back."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.codec import UnreadableMarket, from_dict, to_dict
from bot.risk.snapshot import MarketView

prices = st.decimals(Decimal("1e-9"), Decimal("1e12"), places=10)
maybe_price = st.none() | prices
maybe_float = st.none() | st.floats(-1e6, 1e6)
book_side = st.lists(st.tuples(prices, prices), max_size=4).map(tuple)
views = st.builds(
    MarketView,
    symbol=st.text(min_size=1, max_size=12),
    as_of=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    bid=maybe_price,
    ask=maybe_price,
    last=maybe_price,
    mark=maybe_price,
    index=maybe_price,
    bids=book_side,
    asks=book_side,
    bid_depth=maybe_price,
    ask_depth=maybe_price,
    depth_bps=st.floats(1, 100),
    volatility=maybe_float,
    volatility_baseline=maybe_float,
    volume_24h=maybe_price,
    funding_rate=maybe_float,
)
GOOD: dict[str, Any] = {"s": "BTCUSDT", "t": 1, "B": [["1", "2"]], "A": [], "d": 10.0, "b": "1"}


@given(views)
def test_a_view_survives_json_to_the_last_digit_without_exponents(view: MarketView) -> None:
    coded = to_dict(view)
    assert from_dict(json.loads(json.dumps(coded))) == view
    for price, qty in [*view.bids, *view.asks]:
        assert "E" not in format(price, "f") + format(qty, "f")


@pytest.mark.parametrize(
    "change",
    [
        {"s": ""},
        {"s": 5},
        {"t": None},
        {"t": "1"},
        {"t": True},
        {"t": 1.5},
        {"t": -1},
        {"t": 10**18},
        {"b": "NaN"},
        {"b": "Infinity"},
        {"b": "1e5"},
        {"b": 1.5},
        {"b": "9" * 100},
        {"vs": float("nan")},
        {"vs": float("inf")},
        {"vs": "0.1"},
        {"vs": True},
        {"B": None},
        {"B": [["1"]]},
        {"B": [["1", None]]},
        {"B": [[1, 2]]},
        {"A": "1"},
    ],
    ids=str,
)
def test_anything_odd_is_unreadable(change: dict[str, Any]) -> None:
    assert from_dict(GOOD).bid == Decimal(1)
    with pytest.raises(UnreadableMarket):
        from_dict(GOOD | change)


def test_unknown_keys_of_a_newer_version_are_ignored() -> None:
    assert from_dict(GOOD | {"new": [1]}) == from_dict(GOOD)
