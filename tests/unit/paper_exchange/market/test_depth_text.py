"""Reading levels in bulk gives what reading them one by one gives."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.market.depth_text import LevelReader

BTC = LevelReader(Decimal("0.1"), Decimal("0.001"))
ETH = LevelReader(Decimal("0.01"), Decimal("0.001"))


def written(levels: list[tuple[str, str]]) -> bytes:
    return json.dumps(levels, separators=(",", ":")).encode()[1:-1]


@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(0, 10**7))))
def test_the_usual_decimals_are_read_exactly(levels: list[tuple[int, int]]) -> None:
    ticks, steps = [t for t, _ in levels], [s for _, s in levels]
    btc = [(f"{Decimal(t) / 10:.2f}", f"{Decimal(s) / 1000:.3f}") for t, s in levels]
    assert BTC.levels(written(btc)) == (ticks, steps)
    eth = [(f"{Decimal(t) / 100:.2f}", f"{Decimal(s) / 1000:.3f}") for t, s in levels]
    assert ETH.levels(written(eth)) == (ticks, steps)


prices = st.sampled_from(["63889.60", "63889.6", "63889", "63889.600", "1000.00"])
sizes = st.sampled_from(["36.365", "36.36", "36", "0.000", "0", "5.0010"])


@given(st.lists(st.tuples(prices, sizes)))
def test_other_decimals_are_read_exactly_too(levels: list[tuple[str, str]]) -> None:
    ticks = [int(Decimal(price) * 10) for price, _ in levels]
    steps = [int(Decimal(size) * 1000) for _, size in levels]
    assert BTC.levels(written(levels)) == BTC.each(levels) == (ticks, steps)


@pytest.mark.parametrize("level", [("63889.65", "1.000"), ("63889.60", "1.0005")])
def test_what_is_off_the_grid_is_refused(level: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="multiple"):
        BTC.levels(written([("63889.60", "1.000"), level]))
