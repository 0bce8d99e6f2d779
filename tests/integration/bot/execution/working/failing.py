"""A stepped trade whose steps are made to fail."""

import pytest

from bot.execution.working.failing_steps import SET_ASIDE_AT
from bot.execution.working.parent_worker import StepResult
from tests.support.desk import Desk

ICEBERG = {
    "position_size": "3000",
    "algorithm": "iceberg",
    "display_size": "1000",
    "horizon_seconds": 600,
}


def fail_with(desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def odd(_: str) -> None:
        raise error

    monkeypatch.setattr(desk.market, "get", odd)


def look(desk: Desk) -> list[StepResult]:
    """What the dispatcher and the execution queue do when the parent is due again."""
    due = desk.parent().step_at
    assert due is not None
    if due > desk.clock.now():
        desk.clock.move_to(due)
    desk.dispatcher.tick()
    woken = {key for key, _ in desk.task_queue.parents}
    desk.task_queue.parents.clear()
    return [desk.worker.step(key) for key in sorted(woken)]


def fail_until_set_aside(desk: Desk) -> None:
    for _ in range(SET_ASIDE_AT):
        assert look(desk) == [StepResult.FAILED]


def rest_an_order(desk: Desk, **signal: object) -> str:
    """A trade with an order at the exchange; returns the order's id."""
    assert desk.approve(signal_data={**ICEBERG, **signal})["verdict"] == "allow"
    assert desk.step() is StepResult.STEPPED
    desk.stream()
    (order,) = desk.exchange.open_orders()
    return order.order_link_id
