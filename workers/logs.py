"""Logging of every process: one line an event, UTC, to stderr; JSON where machines read it."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from models.characters import visible, visible_line

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(log_format: str = "text", level: int = logging.INFO) -> None:
    """Routes stdlib logging through structlog; `extra=` fields become fields of the line."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
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


def _harmless(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Text of others makes no line of its own, and steers no terminal on which a log is read.

    Renderers do the same for the other fields.
    """
    event["event"] = visible_line(str(event.get("event", "")))
    if isinstance(event.get("exception"), str):
        # The first column is for lines of the log.
        event["exception"] = visible(event["exception"]).replace("\n", "\n  ")
    return event
