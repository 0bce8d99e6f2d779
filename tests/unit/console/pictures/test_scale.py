"""A scale places any finite numbers in order, and its ticks are round and few."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.pictures.scale import Scale, scale_of, tick_text
from tests.unit.console.pictures.framing import NUMBERS

D = Decimal


@given(st.lists(NUMBERS, max_size=8), st.booleans())
def test_every_number_has_a_place_in_the_frame_and_the_order_stays(
    values: list[float | Decimal], zero: bool
) -> None:
    scale = scale_of(values, 10.0, 110.0, zero=zero)
    places = [scale.place(value) for value in sorted(values)]
    assert all(10.0 <= place <= 110.0 for place in places)
    assert places == sorted(places)


@given(st.lists(NUMBERS, max_size=8))
def test_ticks_are_few_rising_and_inside(values: list[float | Decimal]) -> None:
    scale = scale_of(values, 0.0, 100.0)
    ticks = scale.ticks(5)
    numbers = [value for value, _ in ticks]
    assert 1 <= len(ticks) <= 5
    assert numbers == sorted(set(numbers))
    assert all(scale.low <= value <= scale.high for value in numbers)
    assert all(0 < len(text) <= 16 for _, text in ticks)


def test_ticks_are_round() -> None:
    texts = [text for _, text in Scale(D("-0.3"), D("9.7"), 0.0, 1.0).ticks(5)]
    assert texts == ["0", "2", "4", "6", "8"]


def test_equal_values_stand_in_the_middle() -> None:
    assert scale_of([7, 7, 7], 0.0, 100.0).place(7) == pytest.approx(50.0)
    assert scale_of([], 0.0, 100.0).place(0) == pytest.approx(50.0)
    assert scale_of([0.0], 0.0, 100.0, zero=True).place(0) == pytest.approx(50.0)


def test_a_scale_from_zero_begins_there() -> None:
    scale = scale_of([1, 4], 0.0, 100.0, zero=True)
    assert scale.place(0) == 0.0
    assert scale.place(4) > 90.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), D("-Infinity")])
def test_what_is_not_finite_is_refused(value: float | Decimal) -> None:
    with pytest.raises(ValueError, match="finite numbers only"):
        scale_of([value], 0.0, 1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("1E+3", "1000"), ("-0.25", "-0.25"), ("1E+300", "1e+300"), ("2E-20", "2e-20")],
)
def test_a_tick_is_short(value: str, text: str) -> None:
    assert tick_text(D(value)) == text
