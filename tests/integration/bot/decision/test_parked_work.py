"""Operators release or end what is parked, requests as well as trades."""

import pytest

from bot.decision.parked_work import ParkedWork
from bot.errors import Refused
from bot.execution.sending.sender import SendResult
from bot.execution.working.parent_worker import StepResult
from tests.integration.bot.execution.working.failing import (
    fail_until_set_aside,
    fail_with,
    look,
    rest_an_order,
)
from tests.support.desk import Desk

pytestmark = pytest.mark.services


def test_an_operator_lets_it_go_on_or_ends_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rest_an_order(desk)
    fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    fail_until_set_aside(desk)
    assert look(desk) == [StepResult.STEPPED]
    desk.stream()
    acts = ParkedWork(desk.db, desk.clock, desk.task_queue)
    with pytest.raises(Refused, match="reason"):
        acts.release("r-1", reason=" ", actor="cli:bob")
    assert acts.release("r-1", reason="fixed?", actor="cli:bob") == "working"
    fail_until_set_aside(desk)
    monkeypatch.undo()
    assert acts.release("r-1", reason="fixed", actor="cli:bob") == "working"
    assert (desk.parent().step_failures, desk.parent().set_aside_at) == (0, None)
    assert look(desk) == [StepResult.STEPPED]
    assert desk.send_due() == [SendResult.SENT]
    assert len(desk.exchange.open_orders()) == 1
    fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    fail_until_set_aside(desk)
    acts.end("r-1", reason="enough", actor="cli:bob")
    assert look(desk) == [StepResult.STEPPED]
    desk.stream()
    assert desk.parent().end_reason == "cancelled by the operator: enough"
    assert desk.reservation().open_qty == 0
    desk.check_balance()
