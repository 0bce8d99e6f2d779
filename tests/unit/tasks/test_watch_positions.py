"""Open positions are looked at every two seconds, and no request for a look waits for long."""

from types import SimpleNamespace

import pytest

from tasks import monitoring
from workers.celery.schedule import beat_schedule


def test_positions_are_looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def look() -> int:
        looks.append(1)
        return 0

    watched = SimpleNamespace(position_monitor=SimpleNamespace(look=look))
    monkeypatch.setattr(monitoring, "services", lambda: watched)
    monitoring.watch_positions()
    monitoring.watch_positions()
    assert looks == [1, 1]


def test_a_request_for_it_expires_before_the_next() -> None:
    entry = beat_schedule()["watch-positions"]
    assert entry["task"] == monitoring.watch_positions.name
    assert entry["options"]["expires"] == 2


def test_stops_are_kept_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []

    def guard() -> int:
        kept.append(1)
        return 0

    stops = SimpleNamespace(protective_stops=SimpleNamespace(guard=guard))
    monkeypatch.setattr(monitoring, "services", lambda: stops)
    monitoring.guard_positions()
    monitoring.guard_positions()
    assert kept == [1, 1]
    assert beat_schedule()["guard-positions"]["task"] == monitoring.guard_positions.name
