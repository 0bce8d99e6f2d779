"""A reading that takes long keeps nobody waiting, and one that fails costs only its own result."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from console.web.background import BackgroundReading

T0 = datetime(2026, 11, 30, 9, tzinfo=UTC)
PERIOD = timedelta(minutes=5)


def test_nobody_waits_for_a_reading_and_only_one_is_under_way() -> None:
    go = threading.Event()
    begun: list[datetime] = []

    def read(now: datetime) -> datetime:
        begun.append(now)
        assert go.wait(60)
        return now

    slow = BackgroundReading(read, PERIOD)

    def known() -> datetime | None:
        return slow.newest

    slow.begin_when_due(T0)
    slow.begin_when_due(T0 + PERIOD)
    assert known() is None
    go.set()
    slow.close()
    assert (known(), begun) == (T0, [T0])
    slow.begin_when_due(T0 + PERIOD / 2)
    slow.close()
    assert begun == [T0]
    slow.begin_when_due(T0 + PERIOD)
    slow.close()
    assert (known(), begun) == (T0 + PERIOD, [T0, T0 + PERIOD])


def test_a_reading_that_fails_leaves_the_last_result(caplog: pytest.LogCaptureFixture) -> None:
    def read(now: datetime) -> datetime:
        if now > T0:
            raise ValueError("no number")
        return now

    slow = BackgroundReading(read, PERIOD)
    for now in (T0, T0 + PERIOD):
        slow.begin_when_due(now)
        slow.close()
    assert slow.newest == T0
    assert "can't be read" in caplog.text
