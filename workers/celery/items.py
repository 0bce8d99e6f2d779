"""Turns an item of a Redis queue into a message that kombu and Celery can take.

Anybody may have put the item there. The message is bounded, has known headers alone, and names a
task that may come by this queue. An item that is no such message becomes a task that answers and
records it, under the item's own id if it has one. So no item ends a worker, and none is lost in
silence.
"""

import base64
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from bot.bounded_text import MAX_TEXT, storable
from bot.decision.authentication import TASK as ASKED
from bot.decision.signing import HEADER
from config.celery import STRATEGY_QUEUE, TASK_TIME_LIMIT_SECONDS, VISIBILITY_TIMEOUT_SECONDS
from config.errors import MlriskError
from models import strict_json
from tasks.monitoring import CANARY_TASK
from tasks.validation import REFUSE_UNREADABLE

log = logging.getLogger(__name__)

MAX_ITEM_BYTES = 1_048_576
"""The largest message with its headers, in bytes. The largest request has some 150 kB, and twice as
much when encoded."""
_MAX_WORD = 255
_MAX_TEXT = 16_384
_MAX_COUNT = 100_000
_FURTHEST = timedelta(seconds=VISIBILITY_TIMEOUT_SECONDS)
"""The furthest ETA. A message that waits longer in a worker is delivered again meanwhile."""
_CONTENT_TYPE, _ENCODING = "application/json", "utf-8"


class NoMessage(MlriskError):
    """The item is no message; the text is the reason."""


def message_of(item: bytes, queue: str) -> dict[str, Any]:
    """The item's message, or a refusal in its place."""
    found: dict[str, Any] = {}
    try:
        found = _object(item)
        return _checked(found, queue)
    except NoMessage as error:
        problem = str(error)
    headers = found.get("headers")
    given = headers.get("id") if isinstance(headers, dict) else None
    task_id = str(given) if _is_word(given) else str(uuid4())
    log.critical(
        "a message is refused: %s",
        problem,
        extra={"event": "message_refused", "task_id": task_id, "queue": queue},
    )
    return _refusal(item[:MAX_TEXT], storable(problem, MAX_TEXT), task_id, queue)


def _object(item: bytes) -> dict[str, Any]:
    if len(item) > MAX_ITEM_BYTES:
        raise NoMessage(f"it has {len(item)} bytes, more than {MAX_ITEM_BYTES}")
    try:
        found = strict_json.loads(item.decode())
    except ValueError as error:
        raise NoMessage(f"it is no message: {error}") from None
    if not isinstance(found, dict):
        raise NoMessage("it is no message: no object")
    return found


def _checked(found: Mapping[str, Any], queue: str) -> dict[str, Any]:
    """The checked message. Its route and delivery tag are ours, not the sender's. A message that is
    given back therefore returns to its own queue, and takes no other message's place among the
    unacknowledged."""
    properties = found.get("properties")
    if not isinstance(properties, dict):
        raise NoMessage("its properties are no object")
    if (found.get("content-type"), found.get("content-encoding")) != (_CONTENT_TYPE, _ENCODING):
        raise NoMessage(f"its body is not of {_CONTENT_TYPE} in {_ENCODING}")
    headers = _headers(found.get("headers"), queue)
    redelivered = headers.get("redelivered") is True
    correlation, reply_to = (properties.get(name) for name in ("correlation_id", "reply_to"))
    return _message(
        _body(found.get("body"), properties.get("body_encoding")),
        headers,
        queue,
        redelivered=redelivered,
        correlation_id=correlation if _is_word(correlation) else None,
        reply_to=reply_to if _is_word(reply_to) else None,
        priority=_priority(properties.get("priority")),
    )


def _body(body: object, encoding: object) -> str:
    """The body in base64, as in every message of kombu's own."""
    if not isinstance(body, str):
        raise NoMessage("its body is no text")
    if encoding is None:
        return base64.b64encode(body.encode("utf-8", "surrogatepass")).decode()
    try:
        if encoding == "base64":
            base64.b64decode(body)
            return body
    except ValueError:
        pass
    raise NoMessage("its body is not in base64")


def _priority(value: object) -> int:
    return (
        value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10 else 0
    )


def _headers(headers: object, queue: str) -> dict[str, Any]:
    """Celery's headers and ours, each checked for its type. Others are left out, because Celery
    would take them for parts of its own state."""
    if not isinstance(headers, dict):
        raise NoMessage("its headers are no object")
    for name in ("task", "id"):
        if not _is_word(headers.get(name)):
            raise NoMessage(f"its header {name} is no word of {_MAX_WORD} characters at most")
    if not _may_come_by(headers["task"], queue):
        raise NoMessage(f"no task {headers['task']!r} may come by the queue {queue}")
    for name, is_right in _KINDS.items():
        value = headers.get(name)
        if value is not None and not is_right(value):
            raise NoMessage(f"its header {name} is not one of Celery's values")
    return {name: headers[name] for name in _KNOWN if name in headers}


def _may_come_by(task: str, queue: str) -> bool:
    """Whether a task may come by a queue. Requests come by the strategies' queue alone, because
    only its worker needs the key that checks signatures."""
    if queue == STRATEGY_QUEUE:
        return task.startswith(f"tasks.{STRATEGY_QUEUE}.") or task == CANARY_TASK
    return task != ASKED


def _is_word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_WORD and value.isprintable()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_nothing(value: object) -> bool:
    return not value and isinstance(value, list | dict)


def _is_time(value: object) -> bool:
    return _time(value) is not None


def _is_near(value: object) -> bool:
    at = _time(value)
    return at is not None and at <= datetime.now(UTC) + _FURTHEST


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _are_limits(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return all(
        each is None
        or (
            isinstance(each, int | float)
            and not isinstance(each, bool)
            and 0 < each <= TASK_TIME_LIMIT_SECONDS
        )
        for each in value
    )


_KINDS: dict[str, Callable[[object], bool]] = {
    "lang": _is_text,
    "shadow": _is_text,
    "eta": _is_near,
    "expires": _is_time,
    "group": _is_text,
    "group_index": _is_count,
    "retries": _is_count,
    "timelimit": _are_limits,
    "root_id": _is_text,
    "parent_id": _is_text,
    "argsrepr": _is_text,
    "kwargsrepr": _is_text,
    "origin": _is_text,
    "ignore_result": _is_flag,
    "replaced_task_nesting": _is_count,
    "stamped_headers": _is_nothing,
    "stamps": _is_nothing,
    "redelivered": _is_flag,
}
_KNOWN = ("task", "id", HEADER, *_KINDS)


def _refusal(item: bytes, problem: str, task_id: str, queue: str) -> dict[str, Any]:
    text = storable(item.decode("utf-8", "replace"), MAX_TEXT)
    body = json.dumps([[text, problem], {}, {}])
    headers = {"lang": "py", "task": REFUSE_UNREADABLE, "id": task_id, "root_id": task_id}
    return _message(base64.b64encode(body.encode()).decode(), headers, queue)


def _message(
    body: str, headers: dict[str, Any], queue: str, *, redelivered: bool = False, **more: Any
) -> dict[str, Any]:
    way = {"exchange": "", "routing_key": queue, "redelivered": redelivered}
    return {
        "body": body,
        "content-type": _CONTENT_TYPE,
        "content-encoding": _ENCODING,
        "headers": headers,
        "properties": {
            "priority": 0,
            **more,
            "delivery_mode": 2,
            "delivery_tag": str(uuid4()),
            "delivery_info": way,
            "body_encoding": "base64",
        },
    }
