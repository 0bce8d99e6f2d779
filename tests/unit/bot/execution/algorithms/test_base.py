"""Parts of all planners: even splits, lots, and the final check of a schedule."""

from hypothesis import given
from hypothesis import strategies as st

from bot.execution.algorithms.base import split_evenly


@given(total=st.integers(0, 10**9), parts=st.integers(1, 1000))
def test_even_parts_sum_and_differ_by_at_most_one(total: int, parts: int) -> None:
    sizes = split_evenly(total, parts)
    assert sum(sizes) == total
    assert max(sizes) - min(sizes) <= 1
