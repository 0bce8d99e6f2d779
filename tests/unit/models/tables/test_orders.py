"""Rows of orders answer what follows from their columns alone."""

import pytest

from models.enums import Style
from models.tables import ChildOrderRow


@pytest.mark.parametrize("style", Style)
def test_only_a_child_that_takes_at_once_does_not_rest(style: Style) -> None:
    assert ChildOrderRow(style=style).rests is (style is not Style.IOC)
