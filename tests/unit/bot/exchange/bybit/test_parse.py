"""Numbers, times and rows: read exactly or not at all."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import DependencyDown
from bot.exchange.bybit import parse


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_read_exactly(value: Decimal) -> None:
    assert parse.decimal({"x": format(value, "f")}, "x") == value


@pytest.mark.parametrize(
    "value",
    [None, "", "NaN", "-Infinity", "0x10", "1_000", "1e999", "١", " 1", "1,5", 1, 1.5, True, []],
)
def test_what_is_no_decimal_text_is_unreadable(value: Any) -> None:
    with pytest.raises(parse.UnreadableRow) as caught:
        parse.decimal({"x": value}, "x")
    assert isinstance(caught.value, DependencyDown)
    assert "x" in str(caught.value)


def test_no_price_is_said_by_an_empty_text_or_a_zero() -> None:
    assert parse.positive_or_none({"x": ""}, "x") is None
    assert parse.positive_or_none({"x": "0.00"}, "x") is None
    assert parse.positive_or_none({}, "x") is None


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_times_survive_to_the_millisecond(at: datetime) -> None:
    whole = at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert parse.from_milliseconds(parse.to_milliseconds(whole)) == whole
    assert parse.from_milliseconds(str(parse.to_milliseconds(whole))) == whole


@pytest.mark.parametrize("value", [None, "", "-1", "1.5", "١", "soon", True, 1.5, 10**40])
def test_what_is_no_time_is_unreadable(value: Any) -> None:
    with pytest.raises(parse.UnreadableRow):
        parse.from_milliseconds(value)


@pytest.mark.parametrize("side", [None, "", "buy", "Both"])
def test_a_side_is_buy_or_sell(side: Any) -> None:
    with pytest.raises(parse.UnreadableRow):
        parse.side({"side": side})
