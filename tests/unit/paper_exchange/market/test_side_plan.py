"""A plan's changes always rebuild exactly the side that they describe."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.market import parameters
from paper_exchange.market.level_sizes import LevelSizes
from paper_exchange.market.side_plan import Moves, PlannedSide

DEEP = parameters.BOOK_LEVELS
jumps = st.one_of(st.integers(-3, 3), st.integers(-30, 30), st.integers(-12_000, 12_000))
depths = st.lists(st.integers(0, DEEP - 1), min_size=3, max_size=3)


def planned_side(direction: int, grid: int) -> PlannedSide:
    sizes = LevelSizes(parameters.INSTRUMENTS[0], 100.0, np.random.default_rng(1))
    return PlannedSide(direction, grid, sizes)


def moves(start: int, steps: list[tuple[int, list[int]]], chosen: bool = True) -> Moves:
    touch = start + np.cumsum([jump for jump, _ in steps])
    refreshed = np.array([levels for _, levels in steps])
    return Moves(
        before=np.array([start, *touch[:-1]]),
        touch=touch,
        shown=np.arange(1, len(steps) + 1),
        changed=np.ones(len(steps), bool),
        refreshed=refreshed,
        chosen=np.full(refreshed.shape, chosen),
        tilts=np.ones(len(steps)),
    )


@pytest.mark.parametrize("direction", [-1, 1])
@given(
    grid=st.sampled_from([1, 4, 10]),
    steps=st.lists(st.tuples(jumps, depths), min_size=1, max_size=30),
)
def test_changes_rebuild_the_side_through_any_moves(
    direction: int, grid: int, steps: list[tuple[int, list[int]]]
) -> None:
    side, start = planned_side(direction, grid), 1_000_000
    book = dict(side.open(start, 7))
    following = moves(start, steps)
    plan = side.plan(following)
    side.begin(plan)
    for row, changes in enumerate(plan.updates(0, len(steps))):
        touch = int(following.touch[row])
        assert len(dict(changes)) == len(changes)
        for tick, size in changes:
            if size:
                book[tick] = size
            else:
                del book[tick]
        ticks = sorted(book, key=lambda tick: tick * direction)
        assert ticks[0] == touch
        assert book[touch] == row + 1
        behind = [tick for tick in ticks[1:] if tick % grid == 0]
        assert len(behind) == len(ticks) - 1 == DEEP
        assert abs(behind[-1] - behind[0]) == (DEEP - 1) * grid
        assert abs(behind[0] - touch) <= grid
        side.catch_up(row + 1)
        assert side.near(touch, 7) == [(tick, book[tick]) for tick in ticks[1:8]]


def test_plans_follow_each_other_and_updates_can_be_read_in_any_portions() -> None:
    steps = [(jump, [0, 5, 900]) for jump in (1, 0, -2, 5, 0, 0, -11, 3)]
    whole, halves = planned_side(1, 10), planned_side(1, 10)
    once = whole.plan(moves(1000, steps)).updates(0, 8)
    first = halves.plan(moves(1000, steps[:4]))
    second = halves.plan(moves(1004, steps[4:]))
    portions = first.updates(0, 1) + first.updates(1, 4) + second.updates(0, 4)
    assert [[tick for tick, _ in update] for update in portions] == [
        [tick for tick, _ in update] for update in once
    ]
    assert [len(first.updates(2, 2)), len(first.updates(0, 4))] == [0, 4]


def test_an_update_without_a_change_is_empty() -> None:
    side = planned_side(-1, 1)
    following = moves(1000, [(0, [1, 2, 3])], chosen=False)
    following.changed[:] = False
    assert side.plan(following).updates(0, 1) == [[]]


def test_a_new_plan_ends_the_old_one_in_memory() -> None:
    side = planned_side(1, 1)
    side.open(1000, 5)
    plan = side.plan(moves(1000, [(0, [0, 1, 2])]))
    side.begin(plan)
    side.begin(side.plan(moves(1000, [(0, [0, 1, 2])])))
    changed = dict(plan.updates(0, 1)[0])
    assert side.near(1000, 3) == [(tick, changed[tick]) for tick in (1001, 1002, 1003)]


def test_a_used_up_level_is_refilled_where_the_grid_has_one() -> None:
    side = planned_side(-1, 10)
    assert side.refill(990, 1000, 1.0)
    assert side.refill(995, 1000, 1.0) is None
    assert side.refill(1000, 1000, 1.0) is None
    assert side.refill(990 - 10 * DEEP, 1000, 1.0) is None


def test_levels_without_a_plan_are_remembered() -> None:
    side = planned_side(1, 10)
    side.catch_up(0)
    side.remember([(1010, 3), (1020, 4), (1025, 9)])
    assert side.near(1005, 2) == [(1010, 3), (1020, 4)]
