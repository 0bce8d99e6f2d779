"""The screen as lines of a log."""

import pytest

from console.screen.lines import line
from tests.integration.console.screen.pictures import view_of
from tests.support.scene import Scene


@pytest.mark.services
def test_a_line_tells_the_same_for_logs(traded: Scene) -> None:
    text = line(view_of(traded))
    for expected in ("ACTIVE", "equity=100000", "allow=2", "deny=1", "fills=1", "market_age=0.2s"):
        assert expected in text
