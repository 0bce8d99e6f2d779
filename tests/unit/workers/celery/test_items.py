"""Whatever lies on a queue becomes a message that a worker can take: its own, or a refusal."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from config.celery import QUEUES, STRATEGY_QUEUE
from tasks.validation import REFUSE_UNREADABLE
from workers.celery import items
from workers.celery.items import MAX_ITEM_BYTES, message_of

TASK = "tasks.validation.validate_and_execute"
SOON = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
NEXT_YEAR = (datetime.now(UTC) + timedelta(days=365)).isoformat()
Item = dict[str, Any]


def good(**headers: Any) -> Item:
    body = base64.b64encode(b'[[{"request_id": "r-1"}], {}, {}]').decode()
    return {
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": TASK, "id": "an-id", **headers},
        "properties": {
            "body_encoding": "base64",
            "delivery_tag": "a-tag",
            "delivery_info": {"exchange": "x", "routing_key": "emergency"},
            "priority": 0,
        },
    }


def taken(item: Item | bytes, queue: str = "validation") -> Item:
    raw = item if isinstance(item, bytes) else json.dumps(item).encode()
    return message_of(raw, queue)


def refused(message: Item) -> tuple[str, str] | None:
    """The text and the reason of a refusal; None where the message is handed on."""
    if message["headers"]["task"] != REFUSE_UNREADABLE:
        return None
    (text, problem), named, follows = json.loads(base64.b64decode(message["body"]))
    assert (named, follows) == ({}, {})
    assert len(json.dumps(message)) < 40_000
    return text, problem


def without(name: str) -> Item:
    item = good()
    del item[name]
    return item


BAD: dict[str, Item | bytes] = {
    "garbage": b"garbage",
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "an empty object": b"{}",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "deep": b"[" * 200_000,
    "long": b"x" * (MAX_ITEM_BYTES + 1),
    "digits": b"1" * 5001,
    "a key twice": b'{"body": "", "body": ""}',
    "no body": without("body"),
    "no headers": without("headers"),
    "no properties": without("properties"),
    "no content type": without("content-type"),
    "a pickle": {**good(), "content-type": "application/x-python-serialize"},
    "another encoding": {**good(), "content-encoding": "utf-16"},
    "a body of numbers": {**good(), "body": [1]},
    "a body that is no base64": {**good(), "body": "ä"},
    "an unknown encoding": {**good(), "properties": {"body_encoding": "rot13"}},
    "headers of a list": {**good(), "headers": ["task"]},
    "properties of a list": {**good(), "properties": [1]},
    "no id": {**good(), "headers": {"task": TASK}},
    "an id of a list": good(id=["x"]),
    "an endless id": good(id="x" * 1000),
    "an id of controls": good(id="a\x00\n"),
    "the older protocol": {**good(), "headers": {}},
    "no task": {**good(), "headers": {"id": "an-id"}},
    "another queue's task": good(task="tasks.emergency.halt"),
    "a task of Celery's own": good(task="celery.map"),
    "a time limit of a word": good(timelimit="x"),
    "a time limit for ever": good(timelimit=[1e9, None]),
    "a time limit of hundreds of digits": good(timelimit=[10**400, None]),
    "a time limit that is no number": good(timelimit=[float("nan"), None]),
    "a time limit of three": good(timelimit=[1, 2, 3]),
    "a time limit of none": good(timelimit=[True, 0]),
    "an eta of a word": good(eta="tomorrow"),
    "an eta of a number": good(eta=1e300),
    "an eta in a year": good(eta=NEXT_YEAR),
    "an eta of the last year": good(eta="9999-12-31T23:59:59-14:00"),
    "an end of a list": good(expires=[1]),
    "endless retries": good(retries=10**9),
    "retries of a word": good(retries="x"),
    "stamps": good(stamped_headers=["x"]),
    "a name of an object": good(shadow={}),
    "an ignored word": good(ignore_result="yes"),
    "a group of a list": good(group=[1]),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_message_becomes_a_refusal_in_its_place(kind: str) -> None:
    message = taken(BAD[kind])
    found = refused(message)
    assert found is not None
    assert found[1]
    item = BAD[kind]
    headers = item.get("headers") if isinstance(item, dict) else None
    knows_id = isinstance(headers, dict) and headers.get("id") == "an-id"
    assert (message["headers"]["id"] == "an-id") == knows_id


def test_a_message_is_handed_on_with_a_way_that_is_ours() -> None:
    item = good(eta=SOON, retries=3, timelimit=[None, 5], mlrisk_auth={"mac": "m"})
    message = taken(item)
    assert refused(message) is None
    assert message["body"] == item["body"]
    assert message["headers"]["mlrisk_auth"] == {"mac": "m"}
    # It goes back to where it came from, and takes nobody else's place among what is unanswered.
    assert message["properties"]["delivery_info"]["routing_key"] == "validation"
    assert message["properties"]["delivery_tag"] != "a-tag"


def test_headers_that_nobody_knows_are_left_out() -> None:
    """Celery takes each for a part of its own state of the task."""
    message = taken(good(called_directly=True, update=1, headers="x", traceparent="00-1-2-03"))
    assert refused(message) is None
    assert set(message["headers"]) == {"task", "id"}


def test_a_body_that_is_not_encoded_is_read_all_the_same() -> None:
    item = good()
    item["body"] = "[[], {}, {}]"
    del item["properties"]["body_encoding"]
    message = taken(item)
    assert base64.b64decode(message["body"]) == b"[[], {}, {}]"


def test_a_message_comes_again_as_one_that_came_before() -> None:
    first = taken(good())
    first["headers"]["redelivered"] = True
    again = taken(first)
    assert again["properties"]["delivery_info"]["redelivered"] is True
    assert again["body"] == first["body"]


def test_other_queues_take_our_other_tasks() -> None:
    assert refused(taken(good(task="tasks.monitoring.canary"))) is None
    assert refused(taken(good(task="tasks.execution.send_child"), "execution")) is None


@pytest.mark.parametrize("queue", [queue for queue in QUEUES if queue != STRATEGY_QUEUE])
def test_a_strategys_request_comes_by_no_other_queue(queue: str) -> None:
    """Whoever may wake workers could ask in any name where nobody looks for a signature."""
    found = refused(taken(good(), queue))
    assert found is not None
    assert f"may come by the queue {queue}" in found[1]


def test_what_celery_sends_is_taken_as_it_is() -> None:
    sent: list[tuple[Callable[..., Any], Item]] = []
    with Celery("outsider", broker="memory://", set_as_current=False) as app:
        app.send_task(TASK, args=[{"a": 1}], queue="validation", expires=9, headers={"x": 1})
        app.send_task(TASK, args=[{"a": 2}], queue="validation", countdown=3, priority=3)
        with app.connection_for_read() as connection:
            channel = connection.default_channel
            for _ in range(2):
                raw = channel._get("validation")
                sent.append((dict, raw))
                message = taken(raw)
                assert refused(message) is None
                assert base64.b64decode(message["body"]) == base64.b64decode(raw["body"])
                kept = {k: v for k, v in raw["headers"].items() if k in message["headers"]}
                assert message["headers"] == kept
    assert len(sent) == 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
PLACES = [*good(), *(f"headers.{name}" for name in items._KNOWN)]
PLACES += [f"properties.{name}" for name in good()["properties"]]


@given(place=st.sampled_from(PLACES), value=VALUES)
def test_no_value_anywhere_is_too_much(place: str, value: object) -> None:
    item = good()
    at, _, name = place.partition(".")
    (item[at] if name else item)[name or at] = value
    message = taken(json.dumps(item).encode("utf-8", "surrogatepass"))
    assert message["properties"]["delivery_info"]["routing_key"] == "validation"


@given(st.binary(max_size=300))
def test_no_bytes_are_too_much(raw: bytes) -> None:
    assert taken(raw)["headers"]["task"]
