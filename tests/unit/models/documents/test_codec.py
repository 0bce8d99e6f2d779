"""A record survives its JSON, and anything else is refused by its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from math import inf, isnan, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.documents.codec import Codec, Unreadable
from tests.support.properties import examples

D = Decimal
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Part:
    size: Decimal
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    colour: Colour
    share: float
    parts: tuple[Part, ...]
    counts: Mapping[str, int]
    pair: tuple[int, str] = (1, "one")
    names: frozenset[str] = frozenset()


WHOLE = Whole(Colour.RED, 0.5, (Part(D("1E+3"), NOW), Part(D("0.10"))), {"a": 1})
STORED = {
    "colour": "red",
    "share": 0.5,
    "parts": [
        {"size": "1000", "at": "2026-01-02T03:04:05.678901+00:00"},
        {"size": "0.10", "at": None},
    ],
    "counts": {"a": 1},
    "pair": [1, "one"],
    "names": [],
}


def read(data: Any, codec: Codec | None = None) -> Whole:
    found = (codec or Codec()).decode(Whole, data, "Whole")
    assert isinstance(found, Whole)
    return found


def test_a_record_is_written_in_plain_words_and_read_back() -> None:
    assert Codec().encode(WHOLE) == STORED
    assert read(STORED) == WHOLE


@given(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.datetimes(timezones=st.just(timezone(timedelta(hours=5)))),
)
@settings(max_examples=examples(50))
def test_digits_and_moments_survive(size: Decimal, at: datetime) -> None:
    found = Codec().decode(Part, Codec().encode(Part(size, at)), "Part")
    assert found == Part(size, at)


def test_numbers_that_json_lacks_are_words() -> None:
    for number, word in ((inf, "inf"), (-inf, "-inf"), (nan, "nan")):
        assert Codec().encode(number) == word
    assert isnan(Codec().decode(float, "nan", ""))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"colour": "blue"}, "Whole.colour: 'blue' is not readable"),
        ({"share": True}, "Whole.share: True is not a number"),
        ({"parts": [{"size": 1}]}, r"Whole.parts\[0\].size: a decimal is written as a string"),
        ({"parts": {}}, "Whole.parts: a list is expected"),
        ({"counts": []}, "Whole.counts: an object is expected"),
        ({"counts": {"a": "1"}}, "Whole.counts.a: '1' is not int"),
        ({"pair": [1]}, "Whole.pair: 2 values expected, 1 found"),
        ({"later": 1}, "Whole: unknown later"),
    ],
)
def test_anything_else_is_refused_by_its_place(change: dict[str, Any], told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        read(STORED | change)


def test_a_missing_key_is_refused_unless_it_has_a_default() -> None:
    assert read({name: value for name, value in STORED.items() if name != "pair"}) == WHOLE
    with pytest.raises(Unreadable, match="Whole: share missing"):
        read({name: value for name, value in STORED.items() if name != "share"})


def test_keys_of_a_later_version_are_left_out_where_that_is_asked_for() -> None:
    assert read(STORED | {"later": 1}, Codec(ignores_unknown=True)) == WHOLE


def test_a_type_may_have_a_form_of_its_own() -> None:
    codec = Codec({Part: lambda part: [str(part.size)]}, {Part: lambda value, _: Part(D(value[0]))})
    assert codec.encode(Part(D(2))) == ["2"]
    assert codec.decode(tuple[Part, ...], [["2"]], "") == (Part(D(2)),)


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        Codec().encode(object())
    with pytest.raises(TypeError, match="no reader"):
        Codec().decode(object, 1, "")
