"""A parent whose steps fail is looked at ever less often and alerted, and never given up."""

from datetime import timedelta

import pytest

from bot.errors import DependencyDown
from bot.execution.failing_steps import ALERTED_AT, LONGEST_PAUSE
from bot.execution.working import StepResult
from console.invariants.evidence import Evidence
from console.invariants.progress import i6_work_resumes_and_fills_agree
from tests.support.desk import Desk

pytestmark = pytest.mark.services

ICEBERG = {
    "position_size": "3000",
    "algorithm": "iceberg",
    "display_size": "1000",
    "horizon_seconds": 600,
}


def _fail_with(desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def odd(_: str) -> None:
        raise error

    monkeypatch.setattr(desk.market, "get", odd)


def _look(desk: Desk) -> list[StepResult]:
    """What the dispatcher and the execution queue do when the parent is due again."""
    due = desk.parent().step_at
    assert due is not None
    if due > desk.clock.now():
        desk.clock.move_to(due)
    desk.wakeups.parents.clear()
    desk.dispatcher.tick()
    return [desk.worker.step(key) for key, _ in list(desk.wakeups.parents)]


def test_failures_put_off_the_next_look_are_alerted_and_forgotten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert desk.approve(signal_data=ICEBERG)["verdict"] == "allow"
    _fail_with(desk, monkeypatch, ArithmeticError("odd \x00 numbers"))
    pauses: list[timedelta] = []
    for number in range(ALERTED_AT + 3):
        # The approval itself has woken the first step.
        results = _look(desk) if number else [desk.worker.step("r-1")]
        assert results == [StepResult.FAILED]
        due = desk.parent().step_at
        assert due is not None
        pauses.append(due - desk.clock.now())
    assert [pause.total_seconds() for pause in pauses] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses[-1] == LONGEST_PAUSE
    assert desk.parent().step_failures == ALERTED_AT + 3
    assert desk.audit_kinds().count("steps_failing") == 1
    assert [record.levelname for record in caplog.records].count("CRITICAL") == 1
    with desk.db.reading() as session:
        violations = i6_work_resumes_and_fills_agree(Evidence(session, None, desk.clock.now()))
    assert [words for words in violations if "can't be worked: ArithmeticError: odd" in words]
    monkeypatch.undo()
    assert _look(desk) == [StepResult.STEPPED]
    assert (desk.parent().step_failures, desk.parent().failure) == (0, None)
    assert desk.children()
    desk.check_balance()


def test_servers_that_are_away_are_no_failure_of_the_parent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.approve(signal_data=ICEBERG)["verdict"] == "allow"
    _fail_with(desk, monkeypatch, DependencyDown("no Redis"))
    with pytest.raises(DependencyDown):
        desk.worker.step("r-1")
    assert desk.parent().step_failures == 0
