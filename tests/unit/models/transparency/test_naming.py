"""What came later is no damage, although entries may be alike."""

import pytest

from models.transparency.naming import _without_news

A, B, C, D, X = (letter * 32 for letter in (b"a", b"b", b"c", b"d", b"x"))


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ([A, B, C, D], 4),
        ([A, B, C, D, X, D], 4),
        ([A, B], 2),
        ([A, B, X, D, B, D], 4),
        ([A, X, B, C, D, X], 5),
        ([A, C, D, X, X, D], 3),
        ([A, B, C, X, X], 4),
        ([], 0),
    ],
)
def test_what_came_after_the_last_that_is_known_is_left_out(found: list[bytes], kept: int) -> None:
    assert _without_news([A, B, C, D], found) == found[:kept]


def test_of_entries_that_are_alike_the_end_is_not_mistaken() -> None:
    assert _without_news([A, B, A, B], [A, B, A]) == [A, B, A]
    assert _without_news([], [A]) == []
