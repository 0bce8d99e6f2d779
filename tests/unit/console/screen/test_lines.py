"""While nothing is known, the line says why."""

from datetime import UTC, datetime

from console.screen.lines import line
from console.screen.view import ScreenView

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def test_before_the_first_reading_the_line_says_so() -> None:
    assert line(ScreenView(home="/x", now=NOW, live=None)).endswith("waiting for the first reading")
    away = ScreenView(home="/x", now=NOW, live=None, problem="gone\nwith a line")
    assert "\n" not in line(away)
