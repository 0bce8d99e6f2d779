"""Poison: what fails again and again is parked with its reason, and nobody wakes it any more."""

from copy import deepcopy
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot.client import MLTradeExecutionPipeline
from bot.decision.parking import MAX_ATTEMPTS, MAX_DEATHS, Killed, ParkedRequests, parked
from bot.errors import Refused
from models.enums import ExecutionStatus
from models.tables import TradeRequestRow
from tests.support.desk import Desk


def _poison(desk: Desk, request_id: str, code: str = "22003", *, only: str = "true") -> None:
    """Postgres refuses this request's decision, as it does a number that no column holds."""
    with desk.db.transaction() as session:
        session.execute(
            text(
                "CREATE OR REPLACE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" RAISE EXCEPTION 'numeric field overflow' USING ERRCODE = '{code}'; END $$"
            )
        )
        session.execute(text("DROP TRIGGER IF EXISTS poison ON decision"))
        session.execute(
            text(
                "CREATE TRIGGER poison BEFORE INSERT ON decision FOR EACH ROW"
                f" WHEN (NEW.request_id = '{request_id}' AND {only}) EXECUTE FUNCTION poison()"
            )
        )


def _cure(desk: Desk) -> None:
    with desk.db.transaction() as session:
        session.execute(text("DROP TRIGGER poison ON decision"))


def _row(desk: Desk, request_id: str = "r-bad") -> TradeRequestRow:
    with desk.db.reading() as session:
        return session.get_one(TradeRequestRow, request_id)


def _work(desk: Desk, rounds: int) -> int:
    """The dispatcher's ticks and the validation queue; returns how many wake-ups there were."""
    woken = 0
    for _ in range(rounds):
        desk.pass_time(4)
        desk.task_queue.requests.clear()
        desk.dispatcher.tick()
        for request_id in desk.task_queue.requests:
            desk.approval.validate_stored(request_id)
            woken += 1
    return woken


@pytest.mark.parametrize("written_first", [True, False])
def test_what_fails_too_often_is_parked_alerted_and_woken_no_more(
    desk: Desk, written_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    _poison(desk, "r-bad")
    raw = desk.request("r-bad")
    if written_first:
        desk.admission.accept(raw)
        expected = MAX_ATTEMPTS
    else:
        first = desk.approval.validate_and_execute(raw)
        assert first["status"] == "pending_validation"
        assert "NumericValueOutOfRange" in first["message"]
        expected = MAX_ATTEMPTS - 1
    assert desk.approve("r-good")["verdict"] == "allow"
    assert _work(desk, 12) == expected
    row = _row(desk)
    assert (row.status, row.attempts) == (ExecutionStatus.PARKED, MAX_ATTEMPTS)
    assert row.failure is not None and "numeric field overflow" in row.failure
    assert desk.audit_kinds().count("request_parked") == 1
    assert [r.levelname for r in caplog.records].count("CRITICAL") == 1
    again = desk.approval.validate_and_execute(raw)
    assert (again["status"], again["verdict"]) == ("parked", "deny")
    assert again["error"]["type"] == "parked"
    with desk.db.reading() as session:
        assert [each.request_id for each in parked(session)] == ["r-bad"]


def test_an_operator_releases_or_ends_what_is_parked(desk: Desk) -> None:
    _poison(desk, "r-bad")
    desk.admission.accept(desk.request("r-bad"))
    _work(desk, MAX_ATTEMPTS)
    acts = ParkedRequests(desk.db, desk.clock, desk.task_queue)
    with pytest.raises(Refused, match="reason"):
        acts.release("r-bad", reason=" ", actor="cli:bob")
    with pytest.raises(Refused, match="no request"):
        acts.end("r-none", reason="drill", actor="cli:bob")
    acts.release("r-bad", reason="looked at", actor="cli:bob")
    assert _work(desk, MAX_ATTEMPTS + 3) == MAX_ATTEMPTS
    _cure(desk)
    acts.release("r-bad", reason="fixed", actor="cli:bob")
    assert _work(desk, 2) == 1
    assert _row(desk).status in ("pending_execution", "validation_failed")
    with pytest.raises(Refused, match="not parked"):
        acts.end("r-bad", reason="too late", actor="cli:bob")


def test_what_an_operator_has_ended_is_never_decided(desk: Desk) -> None:
    _poison(desk, "r-bad")
    desk.admission.accept(desk.request("r-bad"))
    _work(desk, MAX_ATTEMPTS)
    ParkedRequests(desk.db, desk.clock, desk.task_queue).end(
        "r-bad", reason="sent again", actor="cli:bob"
    )
    _cure(desk)
    assert _work(desk, 3) == 0
    outcome = desk.approval.validate_and_execute(deepcopy(_row(desk).payload))
    assert (outcome["status"], outcome["verdict"]) == ("cancelled", "deny")
    assert desk.children() == []


def test_servers_that_are_away_are_no_attempt(desk: Desk) -> None:
    _poison(desk, "r-bad", code="57014")  # a statement that was cancelled
    desk.admission.accept(desk.request("r-bad"))
    for _ in range(MAX_ATTEMPTS + 2):
        with pytest.raises(OperationalError):
            desk.approval.validate_stored("r-bad")
    row = _row(desk)
    assert (row.status, row.attempts) == ("pending_validation", 0)
    _cure(desk)
    outcome = desk.approval.validate_stored("r-bad")
    assert outcome is not None and outcome["verdict"] == "allow"


def test_an_attempt_that_kills_its_process_counts(desk: Desk) -> None:
    class Death(BaseException):
        """What no handler catches, as a signal is."""

    raw = desk.request("r-bad")

    def die(_: object) -> Any:
        raise Death

    original = desk.market.read
    desk.market.read = die  # type: ignore[method-assign, assignment]
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(Death):
            desk.approval.validate_and_execute(raw, redelivered=True)
    assert _row(desk).attempts == MAX_ATTEMPTS
    outcome = desk.approval.validate_and_execute(raw, redelivered=True)
    assert outcome["status"] == "parked"
    desk.market.read = original  # type: ignore[method-assign]
    assert desk.children() == []


def _exit_by_twap(desk: Desk) -> dict[str, Any]:
    """Of a position that is open; poison as long as it is one by TWAP."""
    assert desk.approve("entry")["verdict"] == "allow"
    desk.send_due()
    desk.stream()
    assert desk.position() > 0
    _poison(desk, "r-exit", only="NEW.intent ->> 'algorithm' = 'twap'")
    signal = {"position_size": "2000", "reduce_only": True, "algorithm": "twap"}
    return desk.request("r-exit", side="sell", signal_data={**signal, "horizon_seconds": 30})


def test_an_exit_that_can_not_be_validated_as_asked_goes_at_once(desk: Desk) -> None:
    desk.admission.accept(_exit_by_twap(desk))
    assert _work(desk, MAX_ATTEMPTS + 3) == MAX_ATTEMPTS
    assert _row(desk, "r-exit").status == ExecutionStatus.PENDING_EXECUTION
    assert desk.parent("r-exit").algorithm == "immediate"
    assert desk.audit_kinds().count("exit_goes_at_once") == 1
    assert "request_parked" not in desk.audit_kinds()
    desk.send_due()
    desk.stream()
    assert desk.position() == 0


def test_an_exit_that_has_killed_its_processes_goes_at_once(desk: Desk) -> None:
    raw = _exit_by_twap(desk)
    killed = Killed(MAX_DEATHS, "signal 9 (SIGKILL)")
    outcome = desk.approval.validate_and_execute(raw, redelivered=True, killed=killed)
    assert (outcome["verdict"], desk.parent("r-exit").algorithm) == ("allow", "immediate")


@pytest.mark.parametrize(("reduces", "count"), [(False, MAX_DEATHS), (True, MAX_DEATHS + 1)])
def test_what_has_killed_its_processes_is_parked_untried(
    desk: Desk, reduces: bool, count: int
) -> None:
    raw = desk.request("r-bad", signal_data={"reduce_only": reduces})
    killed = Killed(count, "signal 9 (SIGKILL)")
    outcome = desk.approval.validate_and_execute(raw, redelivered=True, killed=killed)
    assert outcome["error"]["type"] == "parked"
    assert outcome["message"] == f"it ended {count} processes: signal 9 (SIGKILL)"
    assert desk.audit_kinds() == ["request_parked"]
    with desk.db.reading() as session:
        assert [each.request_id for each in parked(session)] == ["r-bad"]


def test_what_was_decided_before_it_killed_gets_its_first_answer(desk: Desk) -> None:
    raw = desk.request("r-good")
    first = desk.approval.validate_and_execute(raw)
    killed = Killed(MAX_DEATHS, "signal 9 (SIGKILL)")
    again = desk.approval.validate_and_execute(raw, redelivered=True, killed=killed)
    assert again == {**first, "repeated": True}


def test_a_row_that_the_door_refuses_now_is_parked_at_once(desk: Desk) -> None:
    desk.admission.accept(desk.request("r-bad"))
    with desk.db.transaction() as session:
        row = session.get_one(TradeRequestRow, "r-bad")
        payload = deepcopy(row.payload)
        payload["signal_data"]["position_size"] = "9" * 24
        row.payload = payload
    assert _work(desk, 3) == 1
    row = _row(desk)
    assert row.status == ExecutionStatus.PARKED
    assert row.failure is not None and "signal_data.position_size" in row.failure


def test_what_no_row_can_hold_is_refused_and_recorded(desk: Desk) -> None:
    """A door that has a hole: the payload itself can't be written."""
    with desk.db.transaction() as session:
        session.execute(
            text("ALTER TABLE trade_request ADD CONSTRAINT hole CHECK (request_id <> 'r-bad')")
        )
    outcome = desk.approval.validate_and_execute(desk.request("r-bad"))
    assert outcome["error"]["type"] == "bad_message"
    assert "can't be stored" in outcome["message"]
    assert desk.audit_kinds() == ["bad_message"]


def test_the_pipeline_says_why_a_request_is_parked(
    desk: Desk, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    _poison(desk, "r-bad")
    desk.admission.accept(desk.request("r-bad"))
    _work(desk, MAX_ATTEMPTS)
    pipeline = MLTradeExecutionPipeline(clock=desk.clock, task_queue=desk.task_queue)
    status = pipeline.status("r-bad")
    pipeline.close()
    assert status["status"] == "parked"
    assert "numeric field overflow" in status["failure"]
