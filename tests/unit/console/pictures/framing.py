"""What must hold for every picture: all of it is finite and inside its frame."""

from math import isfinite

from hypothesis import strategies as st

from console.pictures.picture import Box, Dot, Line, Picture, Words

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308]),
)
"""Any finite numbers, the smallest and the largest among them."""


def places(picture: Picture) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for mark in picture.marks:
        match mark:
            case Line():
                found += mark.points
            case Box():
                found += [(mark.x, mark.y), (mark.x + mark.width, mark.y + mark.height)]
                assert mark.width >= 0 and mark.height >= 0
            case Dot() | Words():
                found.append((mark.x, mark.y))
    return found


def assert_inside(picture: Picture) -> None:
    for x, y in places(picture):
        assert isfinite(x) and isfinite(y)
        assert -0.01 <= x <= picture.width + 0.01, x
        assert -0.01 <= y <= picture.height + 0.01, y


def words_of(picture: Picture) -> list[str]:
    return [mark.text for mark in picture.marks if isinstance(mark, Words)]
