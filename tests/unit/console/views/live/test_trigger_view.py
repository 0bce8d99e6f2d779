"""A trigger in a line: what it saw, its threshold, since when, and whether it fired."""

from datetime import UTC, datetime

from console.views.live.trigger_view import line_of

FACTS = {
    "kind": "exchange_lost",
    "value": "silent [red]for 30 s",
    "threshold": "300 s",
    "since": None,
    "fired_at": None,
    "count": 0,
}


def test_a_quiet_trigger_and_one_that_fired() -> None:
    quiet = line_of(FACTS)
    assert "quiet" in quiet
    assert "fired" not in quiet
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    fired = line_of({**FACTS, "since": at, "fired_at": at, "count": 2})
    assert "since 2026-03-01T12:00:00" in fired
    assert "fired 2 times" in fired
    assert r"\[red]for" in fired, "the words of others are no markup"
