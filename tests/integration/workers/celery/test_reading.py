"""Whatever body a message has, its sender gets a typed answer, and the worker goes on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection, Producer

from models.repositories import refused
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, trade_request

pytestmark = pytest.mark.services

_GOOD = json.dumps(trade_request())
_REST = "{}, {}"
BODIES = [
    "",
    "not json",
    "null",
    "5",
    "true",
    '"text"',
    "[]",
    "[1, 2, 3]",
    "[[], {}, 7]",
    "[[], [], {}]",
    f"[[{_GOOD}], {{}}]",
    f"[[], {_REST}]",
    f"[[{_GOOD}, {_GOOD}], {_REST}]",
    f'[[], {{"wish": {_GOOD}}}, {{}}]',
    f'[[{{"request_id": "a", "request_id": "b"}}], {_REST}]',
    f"[[{'1' * 5001}], {_REST}]",
    f"[[{'[' * 100_000}{']' * 100_000}], {_REST}]",
    f"[[{'[' * 900}{']' * 900}], {_REST}]",
    '[[{"x": "\\ud800", "\\u0000": NaN}], {}, {}]',
    '[[{"__type__": "decimal", "__value__": "much"}], {}, {}]',
    '[[{"__type__": "nothing", "__value__": 1}], {}, {}]',
    '[[{"request_id": {"__type__": "decimal", "__value__": "1e999999999"}}], {}, {}]',
]


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    with mini_system(postgres, queues=("validation",), beat=False) as running:
        yield running


def _publish(system: MiniSystem, body: str | bytes) -> str:
    """As an outsider does that writes Celery's messages himself."""
    task_id = uuid4().hex
    with Connection(system.redis.url(0)) as connection:
        Producer(connection).publish(
            body,
            routing_key="validation",
            exchange="",
            content_type="application/json",
            content_encoding="utf-8",
            headers={
                "lang": "other",
                "task": "tasks.validation.validate_and_execute",
                "id": task_id,
                "root_id": task_id,
            },
            correlation_id=task_id,
        )
    return task_id


def _recorded(system: MiniSystem) -> int:
    with system.session() as session:
        return refused.total(session, datetime.min.replace(tzinfo=UTC) + timedelta(days=1))


def test_every_body_is_answered_and_recorded_and_kills_nobody(system: MiniSystem) -> None:
    before = _recorded(system)
    ids = [_publish(system, body) for body in [*BODIES, b"\xff\xfe\x00"]]
    for task_id, body in zip(ids, [*BODIES, "bytes"], strict=True):
        answer: dict[str, Any] = system.result(task_id)
        assert answer["error"]["type"] == "bad_message", body[:80]
        assert len(json.dumps(answer)) < 40_000
    assert _recorded(system) == before + len(ids)
    assert system.workers["validation"].alive
    assert not system.workers["validation"].has_said("Unrecoverable")
    assert system.outcome(trade_request())["verdict"] in ("allow", "shrink", "deny")


def test_a_request_by_its_name_is_a_request(system: MiniSystem) -> None:
    task_id = _publish(system, f'[[], {{"request": {json.dumps(trade_request())}}}, {{}}]')
    assert "error" not in system.result(task_id)
