"""Shapes are moved and enlarged whole; names are shortened to their room."""

from console.pictures.picture import Box, Dot, Line, Role, Words, moved, rough_width, shortened


def test_every_shape_is_enlarged_and_then_moved() -> None:
    assert moved(Line(((1, 2), (3, 4)), Role.GRID, 2), 10, 20, 2) == Line(
        ((12, 24), (16, 28)), Role.GRID, 4
    )
    assert moved(Box(1, 2, 3, 4, Role.BAD), 10, 20, 2) == Box(12, 24, 6, 8, Role.BAD)
    assert moved(Dot(1, 2, 3, Role.GOOD), 10, 20, 2) == Dot(12, 24, 6, Role.GOOD)
    assert moved(Words(1, 2, "a", Role.INK, "end", 12, True), 10, 20, 0.5) == Words(
        10.5, 21, "a", Role.INK, "end", 6, True
    )


def test_a_name_that_is_too_long_ends_with_an_ellipsis() -> None:
    assert shortened("twap", 100, 12) == "twap"
    short = shortened("x" * 1000, 100, 12)
    assert short.endswith("…")
    assert rough_width(short, 12) <= 100
