"""A stepped trade that fails too often is set aside and wound down."""

import pytest

from bot.errors import DependencyDown
from bot.execution.working.parent_worker import StepResult
from bot.execution.working.setting_aside import PATIENCE, all_set_aside
from console.invariants.evidence import Evidence
from console.invariants.progress import i6_work_resumes_and_fills_agree
from models.enums import ParentState
from tests.integration.bot.execution.working.failing import (
    fail_until_set_aside,
    fail_with,
    look,
    rest_an_order,
)
from tests.support.desk import Desk

pytestmark = pytest.mark.services


def test_what_fails_too_often_is_set_aside_and_its_orders_are_called_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resting = rest_an_order(desk)
    fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    fail_until_set_aside(desk)
    parent = desk.parent()
    assert (parent.state, parent.set_aside_at) == (ParentState.PAUSED, desk.clock.now())
    assert desk.audit_kinds().count("parent_set_aside") == 1
    assert [record.levelname for record in caplog.records].count("CRITICAL") == 2
    # What its steps fail for is not asked any more.
    assert look(desk) == [StepResult.STEPPED]
    assert desk.exchange.cancel_requests == [resting]
    desk.stream()
    assert desk.parent().failure == "ArithmeticError: odd numbers"
    assert desk.reservation().open_qty == desk.parent().approved_qty
    with desk.db.reading() as session:
        assert [row.request_id for row in all_set_aside(session)] == ["r-1"]
        violations = i6_work_resumes_and_fills_agree(Evidence(session, None, desk.clock.now()))
    assert [words for words in violations if "r-1 is set aside since" in words]
    desk.check_balance()


def test_what_nobody_lets_go_on_ends_and_is_released(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest_an_order(desk)
    fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    fail_until_set_aside(desk)
    since = desk.clock.now()
    assert look(desk) == [StepResult.STEPPED]
    desk.stream()
    while desk.parent().finished_at is None:
        assert look(desk) == [StepResult.STEPPED]
    parent = desk.parent()
    assert parent.finished_at == min(since + PATIENCE, parent.deadline_at)
    assert parent.end_reason == "its steps fail: ArithmeticError: odd numbers"
    assert (parent.state, parent.released_qty) == (ParentState.UNFILLED, parent.approved_qty)
    assert desk.reservation().open_qty == 0
    desk.check_balance()
    with desk.db.reading() as session:
        assert all_set_aside(session) == []


def test_nothing_is_released_while_an_order_may_still_fill(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting = rest_an_order(desk)
    fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    fail_until_set_aside(desk)
    desk.exchange.cancel_faults = [(DependencyDown("no exchange"), False)] * 3
    desk.clock.move_to(desk.parent().deadline_at)
    for _ in range(3):
        assert look(desk) == [StepResult.STEPPED]
        assert desk.parent().finished_at is None
        assert desk.reservation().open_qty > 0
    filled = desk.exchange.fill(resting)
    desk.stream()
    parent = desk.parent()
    assert (parent.state, parent.filled_qty) == (ParentState.PARTIAL, filled)
    assert desk.reservation().open_qty == 0
    desk.check_balance()
