"""The last drill in words: when, and how it ended."""

from datetime import UTC, datetime

from console.views.doctor.drill_line import drill_words
from models.tables import DrillRow

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_the_words_say_when_and_how_it_ended() -> None:
    assert drill_words(None) == "never rehearsed"
    passed = drill_words(DrillRow(ended_at=NOW, passed=True))
    assert passed.startswith("last at 2026-11-30") and passed.endswith("passed")
    assert drill_words(DrillRow(ended_at=NOW, passed=False)).endswith("FAILED")
