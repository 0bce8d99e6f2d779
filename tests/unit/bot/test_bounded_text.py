"""Foreign text is shown in bounds, however large, deep or odd it is."""

import json
from typing import Any

from bot.bounded_text import MAX_DEPTH, MAX_TEXT, clipped, is_too_deep, readable, storable


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_text_that_fits_is_not_cut_and_one_that_does_not_says_so() -> None:
    assert clipped("abc", 3) == "abc"
    assert clipped("abcd", 3) == "abc…"


def test_what_no_column_can_hold_is_shown_by_its_code() -> None:
    assert storable("a\x00b\ud800c\n") == "a\\x00b\\ud800c\\x0a"
    assert len(storable("x" * 1000)) == len("x" * 120 + "…")
    storable("\ud800").encode()


def test_a_message_of_any_size_is_readable_in_bounds() -> None:
    for odd in (
        "x" * 10_000,
        {str(n): "y" * 100 for n in range(10_000)},
        list(range(100_000)),
        nested(50),
        1 << 10_000,
    ):
        assert len(readable(odd)) <= MAX_TEXT + 1


def test_what_is_left_out_is_counted_and_named() -> None:
    assert json.loads(readable(list(range(103))))[-1] == "(3 more items)"
    assert json.loads(readable({n: n for n in range(101)}))["…"] == "(1 more fields)"
    assert json.loads(readable(1 << 300)) == "(an integer of 301 bits)"
    assert json.loads(readable([float("nan"), object()])) == ["nan", "(object)"]


def test_depth_is_told_without_recursion() -> None:
    assert not is_too_deep(nested(MAX_DEPTH))
    assert is_too_deep(nested(MAX_DEPTH + 2))
    assert is_too_deep({"a": nested(3)}, depth=2)
    assert is_too_deep(nested(100_000))
