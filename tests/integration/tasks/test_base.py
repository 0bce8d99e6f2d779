"""Every line that a task logs says about what it is, and one line says how long the run took."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.signals import setup_logging

from tasks.base import MlriskTask
from tests.support.services import RedisServer
from tests.support.waiting import eventually
from workers.logs import configure_logging

pytestmark = pytest.mark.services

log = logging.getLogger("test.base")


class Lines(logging.Handler):
    """What the process's own handler would write, line by line."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))

    def about(self, task_id: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("task_id") == task_id]


def _as_it_is(**_: Any) -> None:
    """Celery leaves logging alone where somebody else sets it up, as our workers do."""


@pytest.fixture
def lines() -> Iterator[Lines]:
    """At the loggers themselves: a process that has our Celery application sets up the root's
    handlers anew when a worker starts in it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging("json", logging.DEBUG)
    found = Lines()
    found.setFormatter(root.handlers[0].formatter)
    root.handlers = handlers
    root.setLevel(level)
    loggers = [log, logging.getLogger("tasks.base")]
    for logger in loggers:
        logger.addHandler(found)
        logger.setLevel(logging.DEBUG)
    setup_logging.connect(_as_it_is)
    yield found
    setup_logging.disconnect(_as_it_is)
    for logger in loggers:
        logger.removeHandler(found)
        logger.setLevel(logging.NOTSET)


@pytest.fixture
def app(redis: RedisServer) -> Iterator[Celery]:
    with Celery(broker=redis.url(), set_as_current=False) as app:
        app.conf.task_default_queue = f"base-{uuid4()}"
        app.conf.task_ignore_result = True
        yield app


def test_a_run_is_timed_and_its_lines_name_request_and_child(app: Celery, lines: Lines) -> None:
    @app.task(base=MlriskTask, name="test.send")
    def send(child_id: int) -> None:
        log.info("inside", extra={"event": "inside"})

    @app.task(base=MlriskTask, name="test.validate", bind=True)
    def validate(self: MlriskTask, *request: Any) -> None:
        log.info("inside", extra={"event": "inside"})
        raise LookupError("on purpose")

    @app.task(base=MlriskTask, name="test.tick")
    def tick() -> None:
        """Names nothing."""

    with start_worker(app, pool="solo", perform_ping_check=False):
        sent = send.delay(7)
        asked = validate.delay({"request_id": "r-1", "side": "buy"})
        ticked = tick.delay()
        eventually(lambda: [line for line in lines.about(ticked.id) if "duration_ms" in line])

    inside, ran = (line for line in lines.about(sent.id) if line["event"] in ("inside", "task_ran"))
    assert (inside["event"], inside["child_id"], inside["task"]) == ("inside", 7, "test.send")
    assert (ran["event"], ran["outcome"], ran["child_id"]) == ("task_ran", "done", 7)
    assert 0 <= ran["duration_ms"] < 60_000
    by_event = {line["event"]: line for line in lines.about(asked.id)}
    assert by_event["inside"]["request_id"] == by_event["task_ran"]["request_id"] == "r-1"
    assert by_event["task_ran"]["outcome"] == "LookupError"
    (quiet,) = (line for line in lines.about(ticked.id) if line["event"] == "task_ran")
    assert quiet["level"] == "debug"


def test_outside_of_a_run_nothing_is_bound(lines: Lines) -> None:
    log.info("outside", extra={"event": "outside"})
    assert "task_id" not in lines.lines[-1]
