"""What a worker obeys that is told something through the broker."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from celery.worker import state as worker_state
from celery.worker.control import Panel
from flower.inspector import Inspector

from workers.celery import commands


@pytest.fixture
def obeyed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[..., Any]]:
    """What it does on which command, as a worker has begun."""
    monkeypatch.setattr(Panel, "data", dict(Panel.data))
    commands.obey_little()
    return Panel.data  # type: ignore[no-any-return]


def test_a_worker_answers_questions_and_revokes_and_obeys_nothing_else(
    obeyed: dict[str, Callable[..., Any]],
) -> None:
    assert obeyed.keys() == commands.OBEYED
    assert set(Inspector.inspect_methods) <= commands.QUESTIONS
    ends_trading = {"shutdown", "cancel_consumer", "pool_shrink", "autoscale", "rate_limit"}
    ends_trading |= {"terminate", "time_limit", "pool_restart", "revoke_by_stamped_headers"}
    assert not ends_trading & obeyed.keys()


def test_a_revoked_task_that_is_at_hand_is_not_killed(
    obeyed: dict[str, Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = str(uuid4())
    ended: list[str] = []
    running = SimpleNamespace(id=task_id, terminate=lambda *_, **__: ended.append(task_id))
    monkeypatch.setitem(worker_state.requests, task_id, running)
    backend = SimpleNamespace(mark_as_revoked=lambda *_, **__: None)
    worker = SimpleNamespace(app=SimpleNamespace(backend=backend), consumer=SimpleNamespace(pool=0))
    answer = obeyed["revoke"](worker, [task_id], terminate=True, signal="KILL")
    assert "flagged as revoked" in answer["ok"]
    assert ended == []
    assert task_id in worker_state.revoked
