"""Pairs: a dot on the line of equality was predicted right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.pictures.against import against
from console.pictures.picture import Dot, Line, Picture, Role
from tests.unit.console.pictures.framing import NUMBERS, assert_inside


def drawn(*pairs: tuple[float, float]) -> Picture:
    return against(pairs, across="predicted, bps", up="measured, bps", told="told")


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=8))
def test_any_finite_pairs_stay_in_the_frame(pairs: list[tuple[float, float]]) -> None:
    assert_inside(drawn(*pairs))


def test_a_dot_over_the_line_cost_more_than_predicted() -> None:
    picture = drawn((1.0, 1.0), (1.0, 3.0), (3.0, 1.0))
    equality = next(
        mark for mark in picture.marks if isinstance(mark, Line) and mark.role is Role.PLAN
    )
    (x1, y1), (x2, y2) = equality.points

    def over(dot: Dot) -> float:
        on_line = y1 + (dot.x - x1) / (x2 - x1) * (y2 - y1)
        return on_line - dot.y

    right, more, less, _legend = [mark for mark in picture.marks if isinstance(mark, Dot)]
    assert over(right) == pytest.approx(0.0, abs=0.01)
    assert over(more) > 1 and over(less) < -1
