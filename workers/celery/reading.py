"""Answers messages that can't be read as a task, so that the worker goes on.

Celery alone silently acknowledges a body that is no JSON. A JSON body that is no task's body ends
the worker. The message then comes to the next worker and ends that one too.
"""

import logging
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer
from kombu.exceptions import ContentDisallowed, DecodeError, OperationalError
from kombu.message import Message
from kombu.serialization import register
from kombu.utils import json as kombu_json
from redis.exceptions import RedisError

from bot.bounded_text import MAX_DEPTH, MAX_TEXT, is_too_deep, storable
from models import strict_json
from tasks.validation import REFUSE_UNREADABLE

log = logging.getLogger(__name__)

_PARTS = 3
"""The parts of a task's body: its arguments, its named arguments, and the tasks that follow it."""


def read_json_strictly() -> None:
    """Makes this process refuse every message with a doubled key."""
    register(  # type: ignore[no-untyped-call]
        "json",
        kombu_json.dumps,
        _loads,
        content_type="application/json",
        content_encoding="utf-8",
    )


def _loads(text: str | bytes) -> Any:
    return kombu_json.loads(text, _loads=strict_json.loads)  # type: ignore[no-untyped-call]


def why_unreadable(message: Message) -> str | None:
    """The reason why Celery can't take the message as a task; None if it can."""
    headers = message.headers
    if not isinstance(headers, dict) or not all(
        isinstance(headers.get(name), str) for name in ("task", "id")
    ):
        # Celery reads these messages itself, and knows its older protocol.
        return None
    try:
        body = message.payload
    except (DecodeError, ContentDisallowed, ValueError, LookupError) as error:
        return storable(f"its body can't be read: {error}", MAX_TEXT)
    if not isinstance(body, list | tuple) or len(body) != _PARTS:
        return "its body is no list of arguments, named arguments and options"
    # The pool's pickle recurses, so that deep nesting would end the worker.
    if is_too_deep(body, MAX_DEPTH + _PARTS):
        return "its body is nested too deep"
    args, named, follows = body
    if not isinstance(args, list | tuple) or not isinstance(named, dict):
        return "its arguments are no list, or its named arguments no object"
    if follows is not None and not isinstance(follows, dict):
        return "the options of its task are no object"
    if follows is not None and any(follows.values()):
        # The worker would send that task to any queue, in our own name.
        return "its options name another task that would follow it"
    return None


class AnsweringConsumer(Consumer):
    """Celery's consumer, which first answers and refuses unreadable messages."""

    def create_task_handler(self, *args: Any, **named: Any) -> Callable[[Message], Any]:
        """Returns the function that is called for each message from a queue."""
        handle = super().create_task_handler(*args, **named)

        def take(message: Message) -> Any:
            problem = why_unreadable(message)
            if problem is None:
                try:
                    return handle(message)
                except (*self.connection_errors, OSError):
                    raise
                except Exception as error:  # noqa: BLE001 - it would end this worker and the next
                    problem = f"Celery can't take it: {type(error).__name__}: {error}"
            return self._refuse(message, storable(problem, MAX_TEXT))

        return take

    def _refuse(self, message: Message, problem: str) -> None:
        """Sends the refusal as a task under the message's own id. Its result is the answer that the
        sender waits for."""
        log.critical(
            "a message is refused: %s",
            problem,
            extra={"event": "message_refused", "task_id": message.headers["id"]},
        )
        try:
            self.app.send_task(
                REFUSE_UNREADABLE,
                args=[_text(message.body), problem],
                task_id=message.headers["id"],
                queue="validation",
            )
        except (OperationalError, RedisError, OSError) as error:
            # The message stays unacknowledged and comes again.
            log.error(
                "the answer to a refused message can't be sent: %s",
                error,
                extra={"event": "a_refusal_cant_be_sent"},
            )
            return
        message.ack_log_error(  # type: ignore[no-untyped-call]
            log, self.connection_errors
        )


def _text(body: object) -> str:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    return storable(text, MAX_TEXT)
