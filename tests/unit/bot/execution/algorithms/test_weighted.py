"""The weighted splitter: exact sums inside the venue's bounds for any weights."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Infeasible
from bot.execution.algorithms.weighted import apportion, exact_weights, split_by_weight

WEIGHTS = st.lists(st.integers(0, 1000), min_size=1, max_size=60).filter(any)


def fractions(*weights: float) -> list[Fraction]:
    return [Fraction(weight) for weight in weights]


def test_equal_remainders_go_to_the_earlier_slots() -> None:
    assert apportion(5, fractions(1, 1, 1)) == [2, 2, 1]


def test_children_under_the_minimum_are_joined_at_their_heaviest_slot() -> None:
    split = split_by_weight(20, fractions(1, 3, 10, 4, 2), min_lots=5, max_lots=100)
    assert split.children == ((2, 14), (3, 6))
    assert split.merged == 3


def test_what_exceeds_the_maximum_goes_to_the_nearest_child_with_room() -> None:
    split = split_by_weight(20, fractions(1, 16, 2, 1), min_lots=1, max_lots=10)
    assert split.children == ((0, 1), (1, 10), (2, 8), (3, 1))


def test_an_even_split_saves_a_curve_whose_own_children_cannot_carry_it() -> None:
    split = split_by_weight(6, fractions(2, 2, 2), min_lots=3, max_lots=4)
    assert [size for _, size in split.children] == [3, 3]


@pytest.mark.parametrize("weights", [(), (0.0, 0.0), (1.0, -1.0), (1.0, float("nan"))])
def test_impossible_weights_are_refused_by_name(weights: tuple[float, ...]) -> None:
    with pytest.raises(Infeasible, match="curve"):
        exact_weights("curve", weights)


def test_what_no_number_of_children_can_carry_is_refused() -> None:
    with pytest.raises(Infeasible, match="position_size"):
        split_by_weight(2, fractions(1, 1), min_lots=3, max_lots=4)
    with pytest.raises(Infeasible, match="maximum"):
        split_by_weight(9, fractions(1, 1), min_lots=1, max_lots=4)


@given(total=st.integers(0, 10**9), weights=WEIGHTS)
def test_each_share_is_its_floor_or_its_ceiling_and_the_sum_is_exact(
    total: int, weights: list[int]
) -> None:
    sizes = apportion(total, fractions(*weights))
    assert sum(sizes) == total
    for size, weight in zip(sizes, weights, strict=True):
        assert abs(size - Fraction(total * weight, sum(weights))) < 1


@given(
    lots=st.integers(1, 5000),
    weights=WEIGHTS,
    min_lots=st.integers(1, 40),
    room=st.integers(0, 200),
)
def test_any_split_is_exact_and_inside_the_bounds_or_provably_impossible(
    lots: int, weights: list[int], min_lots: int, room: int
) -> None:
    max_lots = min_lots + room
    slots = sum(1 for weight in weights if weight)
    try:
        split = split_by_weight(lots, fractions(*weights), min_lots, max_lots)
    except Infeasible:
        most = min(slots, lots // min_lots)
        assert most == 0 or most * max_lots < lots
        return
    assert sum(size for _, size in split.children) == lots
    assert all(min_lots <= size <= max_lots for _, size in split.children)
    used = [slot for slot, _ in split.children]
    assert used == sorted(set(used))
    assert all(weights[slot] > 0 for slot in used)
    assert split.merged + len(used) == slots
