"""The colours of roles: all there, and told apart from the ground in both schemes."""

import pytest

from console.pictures.colours import DARK, DARK_GROUND, LIGHT, LIGHT_GROUND, variables
from console.pictures.picture import Role

FAINT = {Role.GRID, Role.RAIL}
"""Lines that only help the eye: their numbers stand beside them."""


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("colours", "ground"), [(LIGHT, LIGHT_GROUND), (DARK, DARK_GROUND)])
def test_every_role_can_be_read_on_its_ground(colours: dict[Role, str], ground: str) -> None:
    assert set(colours) == set(Role)
    faint = {
        role: contrast(colour, ground)
        for role, colour in colours.items()
        if role not in FAINT and contrast(colour, ground) < 4.5
    }
    assert not faint


def test_a_style_sheet_gets_every_role() -> None:
    text = variables(LIGHT, LIGHT_GROUND)
    assert all(f"--{role}: #" in text for role in Role)
    assert text.startswith("--ground: #ffffff;")
