"""A parent whose steps fail is looked at ever less often, alerted, and set aside at last; an exit
is worked at once and blind instead."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.decision.parked_work import ParkedWork
from bot.errors import DependencyDown, Refused
from bot.execution.sending.sender import SendResult
from bot.execution.working import parent_worker
from bot.execution.working.failing_steps import (
    ALERTED_AT,
    DIED,
    IMMEDIATE_AT,
    LONGEST_PAUSE,
    SET_ASIDE_AT,
)
from bot.execution.working.parent_worker import StepResult
from bot.execution.working.setting_aside import PATIENCE, all_set_aside
from console.invariants.evidence import Evidence
from console.invariants.progress import i6_work_resumes_and_fills_agree
from models.enums import Algorithm, ParentState
from tests.support.desk import Desk
from tests.support.waiting import eventually

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
    desk.dispatcher.tick()
    woken = {key for key, _ in desk.task_queue.parents}
    desk.task_queue.parents.clear()
    return [desk.worker.step(key) for key in sorted(woken)]


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


def _fail_until_set_aside(desk: Desk) -> None:
    for _ in range(SET_ASIDE_AT):
        assert _look(desk) == [StepResult.FAILED]


def _looks(desk: Desk, times: int) -> list[StepResult]:
    return [result for _ in range(times) for result in _look(desk)]


def _rest(desk: Desk, **signal: object) -> str:
    """A trade with an order at the exchange; returns the order's id."""
    assert desk.approve(signal_data={**ICEBERG, **signal})["verdict"] == "allow"
    assert desk.step() is StepResult.STEPPED
    desk.stream()
    (order,) = desk.exchange.open_orders()
    return order.order_link_id


def test_what_fails_too_often_is_set_aside_and_its_orders_are_called_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resting = _rest(desk)
    _fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    _fail_until_set_aside(desk)
    parent = desk.parent()
    assert (parent.state, parent.set_aside_at) == (ParentState.PAUSED, desk.clock.now())
    assert desk.audit_kinds().count("parent_set_aside") == 1
    assert [record.levelname for record in caplog.records].count("CRITICAL") == 2
    # What its steps fail for is not asked any more.
    assert _look(desk) == [StepResult.STEPPED]
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
    _rest(desk)
    _fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    _fail_until_set_aside(desk)
    since = desk.clock.now()
    assert _look(desk) == [StepResult.STEPPED]
    desk.stream()
    while desk.parent().finished_at is None:
        assert _look(desk) == [StepResult.STEPPED]
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
    resting = _rest(desk)
    _fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    _fail_until_set_aside(desk)
    desk.exchange.cancel_faults = [(DependencyDown("no exchange"), False)] * 3
    desk.clock.move_to(desk.parent().deadline_at)
    for _ in range(3):
        assert _look(desk) == [StepResult.STEPPED]
        assert desk.parent().finished_at is None
        assert desk.reservation().open_qty > 0
    filled = desk.exchange.fill(resting)
    desk.stream()
    parent = desk.parent()
    assert (parent.state, parent.filled_qty) == (ParentState.PARTIAL, filled)
    assert desk.reservation().open_qty == 0
    desk.check_balance()


def test_an_operator_lets_it_go_on_or_ends_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _rest(desk)
    _fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    _fail_until_set_aside(desk)
    assert _look(desk) == [StepResult.STEPPED]
    desk.stream()
    acts = ParkedWork(desk.db, desk.clock, desk.task_queue)
    with pytest.raises(Refused, match="reason"):
        acts.release("r-1", reason=" ", actor="cli:bob")
    assert acts.release("r-1", reason="fixed?", actor="cli:bob") == "working"
    _fail_until_set_aside(desk)
    monkeypatch.undo()
    assert acts.release("r-1", reason="fixed", actor="cli:bob") == "working"
    assert (desk.parent().step_failures, desk.parent().set_aside_at) == (0, None)
    assert _look(desk) == [StepResult.STEPPED]
    assert desk.send_due() == [SendResult.SENT]
    assert len(desk.exchange.open_orders()) == 1
    _fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    _fail_until_set_aside(desk)
    acts.end("r-1", reason="enough", actor="cli:bob")
    assert _look(desk) == [StepResult.STEPPED]
    desk.stream()
    assert desk.parent().end_reason == "cancelled by the operator: enough"
    assert desk.reservation().open_qty == 0
    desk.check_balance()


def _hold_and_leave(desk: Desk) -> None:
    """A position, and an exit of it that shows a part of itself at a time."""
    desk.approve("r-in", signal_data={"position_size": "3000", "algorithm": "immediate"})
    desk.send_due()
    desk.stream()
    signal = {**ICEBERG, "reduce_only": True}
    assert desk.approve("r-1", side="sell", signal_data=signal)["verdict"] in ("allow", "shrink")


def test_an_exit_that_no_step_can_work_is_tried_until_its_deadline_then_called_back_and_alerted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hold_and_leave(desk)
    assert desk.step() is StepResult.STEPPED
    desk.stream()
    (resting,) = desk.exchange.open_orders()

    def odd(*_: object) -> None:
        raise ArithmeticError("odd numbers")

    monkeypatch.setattr(parent_worker, "progress_of", odd)
    tries = 0
    while desk.clock.now() < desk.parent().deadline_at:
        before = desk.clock.now()
        assert _look(desk) == [StepResult.FAILED]
        assert desk.clock.now() - before <= LONGEST_PAUSE
        tries += 1
        if desk.clock.now() < desk.parent().deadline_at:
            assert desk.parent().set_aside_at is None
    assert tries > SET_ASIDE_AT
    assert _look(desk) == [StepResult.STEPPED]
    assert desk.exchange.cancel_requests == [resting.order_link_id]
    desk.stream()
    parent = desk.parent()
    assert (parent.state, parent.end_reason) == (
        ParentState.UNFILLED,
        "its steps fail: ArithmeticError: odd numbers",
    )
    assert desk.audit_kinds().count("exit_unfilled") == 1
    desk.check_balance()


def test_an_exit_whose_algorithm_fails_goes_on_at_once_within_its_own_bound(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _hold_and_leave(desk)
    held = desk.position()
    own = Algorithm.ICEBERG

    def fails(algorithm: Algorithm, *args: object, **named: object) -> object:
        if algorithm is own:
            raise ArithmeticError("odd numbers")
        return steppers(algorithm, *args, **named)

    steppers = parent_worker.steppers.stepper
    monkeypatch.setattr(parent_worker.steppers, "stepper", fails)
    results = [*_looks(desk, IMMEDIATE_AT), *_look(desk)]
    assert results == [StepResult.FAILED] * IMMEDIATE_AT + [StepResult.STEPPED]
    assert desk.audit_kinds().count("exit_goes_at_once") == 1
    assert [r.levelname for r in caplog.records].count("CRITICAL") == 1
    assert desk.send_due() == [SendResult.SENT]
    bound = desk.market.touch * (
        1 - Decimal(repr(desk.limits.limits().working.exit_slippage_bps)) / 9_999
    )
    assert Decimal(str(desk.exchange.accepted[-1]["price"])) > bound
    desk.stream()
    assert (desk.parent().state, desk.parent().filled_qty) == (ParentState.COMPLETED, held)
    assert desk.position() == 0
    desk.check_balance()


def test_an_exit_that_fails_for_the_market_is_worked_blind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hold_and_leave(desk)
    _fail_with(desk, monkeypatch, ArithmeticError("an odd book"))
    assert _looks(desk, ALERTED_AT) == [StepResult.FAILED] * ALERTED_AT
    desk.exchange.fill_share = Decimal("0.5")
    for _ in range(2):
        assert _look(desk) == [StepResult.STEPPED]
        monkeypatch.undo()  # whoever sends reads the market for himself
        assert desk.send_due() == [SendResult.SENT]
        _fail_with(desk, monkeypatch, ArithmeticError("an odd book"))
        desk.stream()
        desk.pass_time(2)
        desk.exchange.fill_share = Decimal(1)
    assert desk.position() == 0
    assert desk.parent().state == ParentState.COMPLETED
    desk.check_balance()


WAKE_LOST = timedelta(seconds=4)
"""After so long the dispatcher finds a step of which nobody says anything."""


class _ProcessDiedError(BaseException):
    """Past every `except Exception`: what a killed process leaves is what is in the rows."""


def _kill_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        raise _ProcessDiedError

    monkeypatch.setattr(parent_worker.steppers, "stepper", dies)


def _die(desk: Desk) -> None:
    with pytest.raises(_ProcessDiedError):
        _look(desk)
    # Somebody may still be at it: who comes too early leaves it alone.
    assert desk.worker.step("r-1") is StepResult.NOT_DUE
    desk.clock.move_to(desk.clock.now() + WAKE_LOST)


def test_steps_that_kill_their_process_are_counted_and_the_parent_is_set_aside(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting = _rest(desk)
    _kill_in_steps(monkeypatch)
    for _ in range(SET_ASIDE_AT):
        assert desk.parent().set_aside_at is None
        _die(desk)
    assert _look(desk) == [StepResult.STEPPED]
    parent = desk.parent()
    assert (parent.state, parent.failure) == (ParentState.PAUSED, DIED)
    assert parent.step_failures == SET_ASIDE_AT
    kinds = desk.audit_kinds()
    assert (kinds.count("steps_failing"), kinds.count("parent_set_aside")) == (1, 1)
    assert desk.exchange.cancel_requests == [resting]
    with desk.db.reading() as session:
        assert [row.request_id for row in all_set_aside(session)] == ["r-1"]


def test_one_death_is_forgotten_by_a_step_that_works(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.approve(signal_data=ICEBERG)["verdict"] == "allow"
    _kill_in_steps(monkeypatch)
    _die(desk)
    monkeypatch.undo()
    assert _look(desk) == [StepResult.STEPPED]
    parent = desk.parent()
    assert (parent.step_failures, parent.failure, parent.step_begun_at) == (0, None, None)


def test_an_exit_whose_steps_kill_their_process_is_worked_blind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hold_and_leave(desk)
    _kill_in_steps(monkeypatch)
    for _ in range(ALERTED_AT):
        _die(desk)
    assert _look(desk) == [StepResult.STEPPED]
    assert desk.send_due() == [SendResult.SENT]
    desk.stream()
    assert desk.position() == 0
    assert desk.audit_kinds().count("exit_goes_at_once") == 1


def _endless(desk: Desk, session: Session) -> None:
    session.execute(text("SET LOCAL statement_timeout = 1"))
    session.execute(text("SELECT count(*) FROM generate_series(1, 1000000000)"))


def _silent(desk: Desk, session: Session) -> None:
    pid = session.scalar(text("SELECT pg_backend_pid()"))
    # Long enough that the answer to this is read before the end, whose words are lost otherwise.
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 300"))

    # Its process closes the socket last. What is sent to it before takes the reason away.
    eventually(lambda: not psutil.pid_exists(pid), "Postgres to end the session")
    session.execute(text("SELECT 1"))


@pytest.mark.parametrize(
    ("takes_long", "words"),
    [(_endless, "statement timeout"), (_silent, "idle-in-transaction timeout")],
)
def test_a_step_that_postgres_always_ends_for_taking_too_long_is_bounded(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    takes_long: Callable[[Desk, Session], None],
    words: str,
) -> None:
    assert desk.approve(signal_data=ICEBERG)["verdict"] == "allow"
    monkeypatch.setattr(
        parent_worker.orders, "children_at_work", lambda session, _: takes_long(desk, session)
    )
    _fail_until_set_aside(desk)
    parent = desk.parent()
    assert parent.failure is not None
    assert words in parent.failure
    assert parent.state == ParentState.PAUSED


def test_what_is_being_ended_is_called_back_although_its_steps_fail(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting = _rest(desk)
    _fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    desk.trading_halt.halt(reason="drill", actor="me")
    for _ in range(ALERTED_AT):
        assert _look(desk) == [StepResult.FAILED]
    assert _look(desk) == [StepResult.STEPPED]
    assert desk.exchange.cancel_requests == [resting]
    desk.stream()
    parent = desk.parent()
    assert (parent.state, parent.end_reason) == (ParentState.UNFILLED, "halted")
    desk.check_balance()
