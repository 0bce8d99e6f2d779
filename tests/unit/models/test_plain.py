"""Values of notebooks become plain ones, and gaps are told from numbers."""

from decimal import Decimal
from typing import Any

import numpy
import pytest

from models.plain import exits_gaps_as_nothing, first_gaps_as_nothing, is_gap, plainly

NAN = float("nan")


def test_scalars_and_arrays_of_numpy_become_numbers_and_lists() -> None:
    message = {"a": numpy.float64(1.5), "b": {"c": numpy.array([1, 2])}, "d": "text"}
    assert plainly(message) == {"a": 1.5, "b": {"c": [1, 2]}, "d": "text"}
    assert type(plainly(message)["a"]) is float


def test_what_is_nested_deeper_than_a_message_is_left_alone() -> None:
    deep: dict[str, Any] = {"a": {"b": {"c": {"d": numpy.float64(1)}}}}
    assert isinstance(plainly(deep)["a"]["b"]["c"]["d"], numpy.float64)


@pytest.mark.parametrize("gap", [None, NAN, Decimal("NaN"), numpy.float64("nan"), Decimal("sNaN")])
def test_gaps(gap: object) -> None:
    assert is_gap(gap)


@pytest.mark.parametrize("value", [0, 0.0, "", "nan", Decimal(1), float("inf")])
def test_no_gaps(value: object) -> None:
    assert not is_gap(value)


def test_only_the_gaps_that_a_series_begins_with_are_nothing() -> None:
    read = first_gaps_as_nothing([NAN, None, 0.1, NAN])
    assert read[:3] == [None, None, 0.1]
    assert is_gap(read[3])
    assert read[3] is not None
    assert first_gaps_as_nothing("text") == "text"


def test_an_exits_gaps_are_dropped_and_an_entrys_are_not() -> None:
    def asked(reduce_only: object) -> dict[str, Any]:
        signal = {"reduce_only": reduce_only}
        return {"signal_data": signal, "market_data": {"returns": [0.1, NAN]}}

    assert exits_gaps_as_nothing(asked(True))["market_data"]["returns"] == [0.1, None]
    for entry in (asked(False), asked("true")):
        assert exits_gaps_as_nothing(entry) is entry
    assert exits_gaps_as_nothing("no message") == "no message"
