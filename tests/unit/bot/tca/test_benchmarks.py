"""Interval VWAP and TWAP, prices at a moment, and the price's way back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Refused
from bot.market.bars import Bar
from bot.tca.benchmarks import interval, price_at, reversion
from models.enums import TradeSide

D = Decimal
T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)


def bar(minute: int, price: str, volume: str = "10", close: str | None = None) -> Bar:
    start, end = D(price), D(close or price)
    low, high = min(start, end), max(start, end)
    turnover = (start + end) / 2 * D(volume)
    return Bar(T0 + timedelta(minutes=minute), start, high, low, end, D(volume), turnover)


def seconds(count: float) -> datetime:
    return T0 + timedelta(seconds=count)


def test_vwap_weighs_by_volume_and_twap_by_time() -> None:
    found = interval([bar(0, "100", "30"), bar(1, "104", "10")], T0, seconds(120))
    assert found is not None
    assert (found.vwap, found.twap, found.volume, found.bars) == (D(101), D(102), D(40), 2)


def test_minutes_at_the_edges_count_by_their_share() -> None:
    found = interval([bar(0, "100", "30"), bar(1, "104", "30")], seconds(50), seconds(90))
    assert found is not None
    assert (found.vwap, found.twap, found.volume) == (D(103), D(103), D(20))


def test_a_gap_in_the_bars_gives_no_benchmark() -> None:
    assert interval([bar(0, "100"), bar(2, "100")], T0, seconds(180)) is None
    assert interval([], T0, seconds(1)) is None
    assert interval([bar(0, "100")], T0, seconds(61)) is None


def test_a_minute_that_is_given_twice_counts_once_in_any_order() -> None:
    found = interval([bar(1, "104"), bar(0, "100"), bar(1, "104")], T0, seconds(120))
    assert found is not None
    assert (found.volume, found.vwap) == (D(20), D(102))


def test_an_interval_without_trades_has_no_vwap() -> None:
    found = interval([bar(0, "100", "0")], T0, seconds(30))
    assert found is not None
    assert (found.vwap, found.twap) == (None, D(100))


def test_an_instant_is_measured_by_its_minute() -> None:
    found = interval([bar(0, "100")], seconds(5), seconds(5))
    assert found is not None
    assert found.vwap == found.twap == D(100)


def test_an_interval_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(Refused, match="before it begins"):
        interval([bar(0, "100")], seconds(5), T0)


def test_the_price_of_a_moment_lies_between_its_minutes_open_and_close() -> None:
    bars = [bar(0, "100", close="106"), bar(1, "106")]
    assert price_at(bars, T0) == D(100)
    assert price_at(bars, seconds(20)) == D(102)
    assert price_at(bars, seconds(60)) == D(106)
    assert price_at(bars, seconds(120)) == D(106)
    assert price_at(bars, seconds(121)) is None
    assert price_at(bars, seconds(-1)) is None


def test_reversion_is_positive_when_the_price_comes_back() -> None:
    assert reversion(TradeSide.BUY, D(100), D(99)) == D(100)
    assert reversion(TradeSide.SELL, D(100), D(99)) == D(-100)


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), min_size=1, max_size=20),
    st.data(),
)
def test_benchmarks_lie_within_the_markets_range(
    minutes: list[tuple[int, int]], data: st.DataObject
) -> None:
    bars = [bar(i, str(price), str(volume)) for i, (price, volume) in enumerate(minutes)]
    start = data.draw(st.integers(0, len(bars) * 60 - 1))
    end = data.draw(st.integers(start, len(bars) * 60))
    found = interval(bars, seconds(start), seconds(end))
    assert found is not None
    slack = D("1e-9")
    low, high = min(b.low for b in bars) - slack, max(b.high for b in bars) + slack
    assert low <= found.twap <= high
    assert found.vwap is None or low <= found.vwap <= high
    assert found.volume <= sum((b.volume for b in bars), D(0)) + slack
