"""Wake-ups: where they go, how long they live, and that a lost one stops nobody."""

from datetime import timedelta
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from bot.clock import FixedClock
from tasks import queue
from tasks.queue import FURTHEST_ETA, CeleryTaskQueue
from tests.unit.bot.risk.cases import NOW


class Publisher:
    """Stands in Celery's place; `fault` is raised by the next publish."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.fault: Exception | None = None

    def send_task(self, name: str, **options: Any) -> None:
        if self.fault is not None:
            raise self.fault
        self.sent.append((name, options))


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    made = Publisher()
    monkeypatch.setattr(queue, "current_app", made)
    return made


QUEUE = CeleryTaskQueue(clock=FixedClock(NOW))


@pytest.mark.parametrize(
    ("urgent", "reduces", "route"),
    [(True, True, "emergency"), (False, True, "exits"), (False, False, None)],
)
def test_exits_go_ahead_of_what_adds(
    publisher: Publisher, urgent: bool, reduces: bool, route: str | None
) -> None:
    QUEUE.child(7, NOW, urgent=urgent, reduces=reduces)
    QUEUE.parent("r-1", NOW, urgent=urgent, reduces=reduces)
    assert [options.get("queue") for _, options in publisher.sent] == [route, route]
    assert [options["args"] for _, options in publisher.sent] == [[7], ["r-1"]]


def test_a_wake_up_waits_for_its_time_and_expires(publisher: Publisher) -> None:
    due = NOW + timedelta(seconds=3)
    QUEUE.child(7, due)
    QUEUE.child(8, NOW - timedelta(hours=1))
    (_, later), (_, now) = publisher.sent
    assert (later["eta"], later["expires"]) == (due, due + QUEUE.expire_after)
    assert (now["eta"], now["expires"]) == (None, NOW + QUEUE.expire_after)


def test_what_is_due_too_late_waits_in_its_row(publisher: Publisher) -> None:
    QUEUE.child(7, NOW + FURTHEST_ETA + timedelta(seconds=1))
    assert publisher.sent == []


@pytest.mark.parametrize("fault", [OperationalError("gone"), OSError("gone")])
def test_a_broker_that_is_away_stops_nobody(
    publisher: Publisher, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    publisher.fault = fault
    QUEUE.request("r-1")
    assert "a message can't be enqueued now" in caplog.text


def test_a_defect_is_not_taken_for_a_broker_that_is_away(publisher: Publisher) -> None:
    publisher.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        QUEUE.request("r-1")
