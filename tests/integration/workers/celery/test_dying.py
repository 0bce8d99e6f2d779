"""What kills the process that works it is set aside at the second death, and told to its sender."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import func, select

from bot.clock import SystemClock
from bot.decision.parking import MAX_DEATHS, ParkedRequests
from bot.decision.requests import Admission
from bot.execution.ports import AccountDeps, DispatcherOnly
from bot.failpoints import BEFORE_DECISION_COMMIT
from models.enums import ExecutionStatus
from models.tables import AuditRow, DecisionRow, TradeRequestRow
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, trade_request

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("dying")]

ARMED = {"MLRISK_FAILPOINT": BEFORE_DECISION_COMMIT}


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    """Every validation kills its process."""
    with mini_system(postgres, queues=("validation",), beat=False, settings=ARMED) as running:
        yield running


def deaths(system: MiniSystem) -> int:
    return (
        system.workers["validation"].log.read_bytes().count(b"a worker process died of a message")
    )


def disarm(system: MiniSystem) -> None:
    """From now on no validation kills its process."""
    worker = system.workers["validation"]
    worker.stop()
    worker.env.pop("MLRISK_FAILPOINT", None)
    worker.start()


def row_of(system: MiniSystem, request_id: str) -> TradeRequestRow:
    row = system.request_row(request_id)
    assert row is not None
    return row


def parked_entries(system: MiniSystem, request_id: str) -> list[dict[str, Any]]:
    query = select(AuditRow.payload).where(
        AuditRow.kind == "request_parked", AuditRow.subject == request_id
    )
    with system.session() as session:
        return list(session.scalars(query))


def test_a_request_that_kills_twice_is_parked_recorded_and_answered(system: MiniSystem) -> None:
    before = deaths(system)
    request = trade_request()
    answer = system.outcome(request)
    assert (answer["status"], answer["verdict"]) == ("parked", "deny")
    assert answer["error"]["type"] == "parked"
    assert "ended 2 processes: signal 9 (SIGKILL)" in answer["message"]
    assert deaths(system) == before + MAX_DEATHS
    (entry,) = parked_entries(system, request["request_id"])
    assert not entry["exit"]
    assert system.workers["validation"].has_said("request parked")


@pytest.mark.long
def test_an_exit_that_kills_is_tried_once_more_at_its_barest_and_then_told_of(
    system: MiniSystem,
) -> None:
    before = deaths(system)
    request = trade_request()
    request["signal_data"]["reduce_only"] = True
    assert system.outcome(request)["status"] == "parked"
    assert deaths(system) == before + MAX_DEATHS + 1
    (entry,) = parked_entries(system, request["request_id"])
    assert entry["exit"]
    assert system.workers["validation"].has_said("an exit is parked, its position stays open")


@pytest.mark.long
def test_a_stored_request_that_kills_twice_is_parked_and_can_be_released(
    system: MiniSystem,
) -> None:
    before = deaths(system)
    request = trade_request()
    clock = SystemClock()
    admission = Admission(AccountDeps(system.db, "paper", clock, DispatcherOnly()))
    key = admission.accept(request)
    with Celery("ours", broker=system.redis.url(0), set_as_current=False) as client:
        client.send_task("tasks.validation.validate_stored", args=[key], queue="validation")
        system.wait(lambda: row_of(system, key).status == ExecutionStatus.PARKED, "it to be parked")
        assert deaths(system) == before + MAX_DEATHS
        disarm(system)
        acts = ParkedRequests(system.db, clock, DispatcherOnly())
        acts.release(key, reason="the fault is mended", actor="cli:bob")
        client.send_task("tasks.validation.validate_stored", args=[key], queue="validation")
    system.wait(
        lambda: (
            row_of(system, key).status
            not in (ExecutionStatus.PENDING_VALIDATION, ExecutionStatus.PARKED)
        ),
        "its decision",
    )


@pytest.mark.long
def test_nobody_parks_what_has_killed_nobody(system: MiniSystem) -> None:
    """A strategy calls for the setting aside of another's request."""
    disarm(system)
    clock = SystemClock()
    admission = Admission(AccountDeps(system.db, "paper", clock, DispatcherOnly()))
    key = admission.accept(trade_request())
    bad = [
        ["tasks.validation.validate_stored", json.dumps([[key], {}, {}]), None, "signal 9"],
        ["tasks.validation.validate_and_execute", "no message", None, "signal 9"],
        ["tasks.validation.validate_and_execute", "[1, 2, 3]", None, "signal 9"],
    ]
    with Celery("outsider", broker=system.redis.url(0), set_as_current=False) as client:
        sent = [
            client.send_task("tasks.validation.set_aside", args=args, queue="validation").id
            for args in bad
        ]
    first, *others = [system.result(task_id) for task_id in sent]
    assert first["status"] != "parked"
    assert all(answer["error"]["type"] == "bad_message" for answer in others)
    with system.session() as session:
        decided = session.scalar(
            select(func.count()).select_from(DecisionRow).where(DecisionRow.request_id == key)
        )
    assert decided == 1
