"""Logging of every process: one line an event, UTC, to stderr; JSON where machines read it.

A line of JSON has an `event` that never holds a value, and the sentence for people as `message`.
The event is the field `event` of the call, or else the words of its constant text. Every line of a
task's run has the task's name and id, its request and its child.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from models.characters import visible, visible_line

_LONGEST_EVENT = 80
_FILLED_IN = re.compile(r"%[-+ #0]*[0-9*]*(\.[0-9*]+)?[a-z]")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(log_format: str = "text", level: int = logging.INFO) -> None:
    """Routes stdlib logging through structlog; `extra=` fields become fields of the line."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.contextvars.merge_contextvars,
        _said,
        structlog.stdlib.ExtraAdder(),
        _named if log_format == "json" else _told,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _harmless,
            renderer,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # pybit logs bodies of failed replies at DEBUG and adds handlers when root has none.
    logging.getLogger("pybit").setLevel(logging.WARNING)
    # One ERROR per lost connection; our stream supervisor says the same in one line.
    logging.getLogger("websocket").setLevel(logging.CRITICAL)
    logging.getLogger("pybit._websocket_stream").setLevel(logging.CRITICAL)
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)
    logging.getLogger("celery.beat").setLevel(logging.WARNING)
    logging.getLogger("redbeat").setLevel(logging.WARNING)


def event_of(text: str) -> str:
    """The event of a log call: the words of its constant text, without filled-in values."""
    words = re.findall(r"[a-z0-9]+", _FILLED_IN.sub(" ", text.lower().replace("'", "")))
    return "_".join(words)[:_LONGEST_EVENT].rstrip("_")


def _said(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keeps the sentence as `message`, before a field `event` takes its place."""
    event["message"] = event["event"]
    return event


def _named(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Sets the stable event and the sentence, for machines."""
    record: logging.LogRecord = event["_record"]
    named = getattr(record, "event", None)
    event["message"] = visible_line(event["message"])
    event["event"] = str(named) if named else event_of(str(record.msg))
    return event


def _told(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Sets the sentence as the event, for people."""
    event["event"] = event.pop("message")
    return event


def _harmless(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Makes others' text harmless: it starts no line of its own, and steers no terminal.

    Renderers do the same for the other fields.
    """
    event["event"] = visible_line(str(event.get("event", "")))
    if isinstance(event.get("exception"), str):
        # Only lines of the log start in the first column.
        event["exception"] = visible(event["exception"]).replace("\n", "\n  ")
    return event
