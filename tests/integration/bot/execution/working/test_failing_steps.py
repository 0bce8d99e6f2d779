"""A parent whose steps fail is looked at ever less often, alerted, and set aside at last; an exit
is worked at once and blind instead."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.errors import DependencyDown
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
from bot.execution.working.setting_aside import all_set_aside
from console.invariants.evidence import Evidence
from console.invariants.progress import i6_work_resumes_and_fills_agree
from models.enums import Algorithm, ParentState
from tests.integration.bot.execution.working.failing import (
    ICEBERG,
    fail_until_set_aside,
    fail_with,
    look,
    rest_an_order,
)
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.services


def test_failures_put_off_the_next_look_are_alerted_and_forgotten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert desk.approve(signal_data=ICEBERG)["verdict"] == "allow"
    fail_with(desk, monkeypatch, ArithmeticError("odd \x00 numbers"))
    pauses: list[timedelta] = []
    for number in range(ALERTED_AT + 3):
        # The approval itself has woken the first step.
        results = look(desk) if number else [desk.worker.step("r-1")]
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
    assert look(desk) == [StepResult.STEPPED]
    assert (desk.parent().step_failures, desk.parent().failure) == (0, None)
    assert desk.children()
    desk.check_balance()


def test_servers_that_are_away_are_no_failure_of_the_parent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.approve(signal_data=ICEBERG)["verdict"] == "allow"
    fail_with(desk, monkeypatch, DependencyDown("no Redis"))
    with pytest.raises(DependencyDown):
        desk.worker.step("r-1")
    assert desk.parent().step_failures == 0


def _looks(desk: Desk, times: int) -> list[StepResult]:
    return [result for _ in range(times) for result in look(desk)]


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
        assert look(desk) == [StepResult.FAILED]
        assert desk.clock.now() - before <= LONGEST_PAUSE
        tries += 1
        if desk.clock.now() < desk.parent().deadline_at:
            assert desk.parent().set_aside_at is None
    assert tries > SET_ASIDE_AT
    assert look(desk) == [StepResult.STEPPED]
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
    results = [*_looks(desk, IMMEDIATE_AT), *look(desk)]
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
    fail_with(desk, monkeypatch, ArithmeticError("an odd book"))
    assert _looks(desk, ALERTED_AT) == [StepResult.FAILED] * ALERTED_AT
    desk.exchange.fill_share = Decimal("0.5")
    for _ in range(2):
        assert look(desk) == [StepResult.STEPPED]
        monkeypatch.undo()  # whoever sends reads the market for himself
        assert desk.send_due() == [SendResult.SENT]
        fail_with(desk, monkeypatch, ArithmeticError("an odd book"))
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
        look(desk)
    # Somebody may still be at it: who comes too early leaves it alone.
    assert desk.worker.step("r-1") is StepResult.NOT_DUE
    desk.clock.move_to(desk.clock.now() + WAKE_LOST)


def test_steps_that_kill_their_process_are_counted_and_the_parent_is_set_aside(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting = rest_an_order(desk)
    _kill_in_steps(monkeypatch)
    for _ in range(SET_ASIDE_AT):
        assert desk.parent().set_aside_at is None
        _die(desk)
    assert look(desk) == [StepResult.STEPPED]
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
    assert look(desk) == [StepResult.STEPPED]
    parent = desk.parent()
    assert (parent.step_failures, parent.failure, parent.step_begun_at) == (0, None, None)


def test_an_exit_whose_steps_kill_their_process_is_worked_blind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hold_and_leave(desk)
    _kill_in_steps(monkeypatch)
    for _ in range(ALERTED_AT):
        _die(desk)
    assert look(desk) == [StepResult.STEPPED]
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
    fail_until_set_aside(desk)
    parent = desk.parent()
    assert parent.failure is not None
    assert words in parent.failure
    assert parent.state == ParentState.PAUSED


def test_what_is_being_ended_is_called_back_although_its_steps_fail(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting = rest_an_order(desk)
    fail_with(desk, monkeypatch, ArithmeticError("odd numbers"))
    desk.trading_halt.halt(reason="drill", actor="me")
    for _ in range(ALERTED_AT):
        assert look(desk) == [StepResult.FAILED]
    assert look(desk) == [StepResult.STEPPED]
    assert desk.exchange.cancel_requests == [resting]
    desk.stream()
    parent = desk.parent()
    assert (parent.state, parent.end_reason) == (ParentState.UNFILLED, "halted")
    desk.check_balance()
