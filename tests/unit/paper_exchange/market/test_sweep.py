"""Takers trade what is displayed, level after level, and the levels that they use up come back."""

import numpy as np

from paper_exchange.market import parameters
from paper_exchange.market.level_sizes import LevelSizes
from paper_exchange.market.side_plan import PlannedSide
from paper_exchange.market.sweep import Sweep

TOUCH = 1000


def asks() -> tuple[PlannedSide, Sweep]:
    sizes = LevelSizes(parameters.INSTRUMENTS[0], 100.0, np.random.default_rng(1))
    side = PlannedSide(1, 1, sizes)
    side.remember((TOUCH + place, 10 * place) for place in range(1, parameters.SWEEP_LEVELS + 1))
    return side, Sweep(side, TOUCH, 5)


def test_a_taker_of_less_than_the_touch_leaves_the_rest() -> None:
    _, sweep = asks()
    assert list(sweep.take(3)) == [(TOUCH, 3, False)]
    assert sweep.changes() == [(TOUCH, 2)]
    assert sweep.changes() == []


def test_a_taker_of_more_than_the_touch_goes_on_at_the_next_levels() -> None:
    _, sweep = asks()
    assert list(sweep.take(20)) == [(TOUCH, 5, True), (TOUCH + 1, 10, True), (TOUCH + 2, 5, False)]
    assert list(sweep.take(1)) == [(TOUCH + 2, 1, False)]


def test_a_taker_gives_up_after_the_listed_levels() -> None:
    _, sweep = asks()
    taken = list(sweep.take(10**6))
    assert len(taken) == parameters.SWEEP_LEVELS
    assert all(ended for _, _, ended in taken)
    assert list(sweep.take(1)) == []


def test_an_update_within_the_step_leaves_the_touch_to_the_takers() -> None:
    _, sweep = asks()
    list(sweep.take(6))
    sweep.changes()
    assert sweep.refresh([(TOUCH, 99), (TOUCH + 2, 7), (TOUCH + 50, 8)]) == [
        (TOUCH + 2, 7),
        (TOUCH + 50, 8),
    ]
    assert list(sweep.take(17)) == [
        (TOUCH + 1, 9, True),
        (TOUCH + 2, 7, True),
        (TOUCH + 3, 1, False),
    ]


def test_the_last_update_refills_levels_and_deletes_none_twice() -> None:
    side, sweep = asks()
    list(sweep.take(5 + 10 + 20 + 1))
    sweep.changes()
    # The touch moves back by one: the plan drops it, and the level that it takes the place of.
    planned = [(TOUCH, 0), (TOUCH + 1, 77), (TOUCH + 9, 4)]
    changes = dict(sweep.end(planned, TOUCH + 1, 1.0))
    assert TOUCH not in changes
    assert (changes[TOUCH + 1], changes[TOUCH + 9]) == (77, 4)
    assert changes[TOUCH + 2] > 0
    remembered = dict(side.near(TOUCH + 1, 2))
    assert remembered == {TOUCH + 2: changes[TOUCH + 2], TOUCH + 3: 29}


def test_what_is_left_of_a_level_is_published_with_the_last_update() -> None:
    _, sweep = asks()
    for _, _, ended in sweep.take(5 + 3):
        if ended:
            assert sweep.changes() == [(TOUCH, 0)]
    assert dict(sweep.end([(TOUCH, 50)], TOUCH, 1.0)) == {TOUCH: 50, TOUCH + 1: 7}
