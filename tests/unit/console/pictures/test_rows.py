"""Rows: each number with its text, inside the frame whatever it is."""

from hypothesis import given
from hypothesis import strategies as st

from console.pictures.picture import Box, Dot, Line, Role
from console.pictures.rows import Group, Row, rows_picture
from tests.unit.console.pictures.framing import NUMBERS, assert_inside, places, words_of

ROWS = st.builds(
    Row,
    name=st.text(max_size=40),
    value=st.none() | NUMBERS,
    shown=st.text(max_size=10),
    low=st.none() | NUMBERS,
    high=st.none() | NUMBERS,
    is_bar=st.booleans(),
)


@given(st.lists(st.builds(Group, st.text(max_size=40), st.lists(ROWS, max_size=5)), max_size=4))
def test_any_finite_numbers_stay_in_the_frame(groups: list[Group]) -> None:
    assert_inside(rows_picture(groups, "bps", "told"))


def test_a_bar_reaches_from_zero_and_a_dot_has_its_interval() -> None:
    rows = (
        Row("cost", 2.0, "2.00", Role.FIRST, is_bar=True),
        Row("gain", -2.0, "-2.00", Role.SECOND, is_bar=True),
        Row("mean", 1.0, "1.00 [0.00, 2.00]", Role.INK, 0.0, 2.0),
    )
    picture = rows_picture((Group("twap", rows),), "bps", "told")
    cost, gain = [mark for mark in picture.marks if isinstance(mark, Box)]
    assert abs(gain.x + gain.width - cost.x) < 0.01
    assert abs(gain.width - cost.width) < 0.01
    (dot,) = [mark for mark in picture.marks if isinstance(mark, Dot)]
    whisker = next(
        mark for mark in picture.marks if isinstance(mark, Line) and mark.role is Role.INTERVAL
    )
    assert whisker.points[0][0] < dot.x < whisker.points[1][0]
    assert {"twap", "cost", "gain", "mean", "1.00 [0.00, 2.00]", "bps"} <= set(words_of(picture))


def test_an_unknown_number_has_its_words_and_no_shape() -> None:
    picture = rows_picture((Group("", (Row("measured", None, "unknown"),)),), "bps", "told")
    assert {"measured", "unknown"} <= set(words_of(picture))
    assert not [mark for mark in picture.marks if isinstance(mark, Box | Dot)]
    assert places(picture)
