"""The operator's pause, resume and cancel hold for every algorithm, and the books balance."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from bot.errors import DependencyDown, MlriskError, OutcomeUnknown, Refused
from bot.execution.orders.control import ControlReport, ParentControl
from bot.execution.sending.sender import SendResult
from bot.execution.working.parent_worker import StepResult
from models.enums import ChildState, ExecutionStatus, ParentState
from models.tables import AuditRow, TradeRequestRow
from tests.support.desk import Desk
from tests.support.fakes import T0

D = Decimal
WHY: dict[str, str] = {"reason": "drill", "actor": "cli:alice"}
TIMED = {"horizon_seconds": 30, "interval_seconds": 5}
SIGNALS: dict[str, dict[str, Any]] = {
    "immediate": {"algorithm": "immediate"},
    "twap": {"algorithm": "twap", **TIMED},
    "vwap": {"algorithm": "vwap", "horizon_seconds": 30, "volume_curve": [1, 2, 3, 2, 1]},
    "steered_vwap": {"algorithm": "vwap", "volume_model": "dynamic", **TIMED},
    "implementation_shortfall": {"algorithm": "implementation_shortfall", **TIMED},
    "pov": {"algorithm": "pov", "participation_rate": 0.0005, **TIMED, "interval_seconds": 1},
    "iceberg": {"algorithm": "iceberg", "display_size": "500", "horizon_seconds": 30},
    "passive": {"algorithm": "passive", "horizon_seconds": 30},
}
RESTING = ("iceberg", "passive")
every_algorithm = pytest.mark.parametrize("name", SIGNALS)
every_resting_one = pytest.mark.parametrize("name", RESTING)


@pytest.fixture
def control(desk: Desk) -> ParentControl:
    return ParentControl(desk.db, desk.clock, desk.task_queue)


def approve(desk: Desk, name: str, request_id: str = "r-1") -> None:
    """48 lots: a TWAP's six slices are equal."""
    outcome = desk.approve(request_id, signal_data={"position_size": "3120", **SIGNALS[name]})
    assert outcome["verdict"] == "allow", outcome


def work(desk: Desk, seconds: int) -> None:
    """What workers do in that time, second by second; the books balance after each. The wallet is
    read every third second, as by the feed."""
    for second in range(seconds):
        desk.step()
        desk.send_due()
        desk.stream()
        desk.check_balance()
        if second % 3 == 0:
            desk.pass_time(1)
        else:
            desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))


def status(desk: Desk) -> str:
    with desk.db.reading() as session:
        return session.get_one(TradeRequestRow, "r-1").status


def acts(desk: Desk) -> list[tuple[str, str, str]]:
    with desk.db.reading() as session:
        rows = session.scalars(select(AuditRow).order_by(AuditRow.seq)).all()
    return [
        (row.kind, row.actor, row.payload["reason"])
        for row in rows
        if row.kind in ("parent_paused", "parent_resumed", "parent_cancelled")
    ]


# Pause


@every_algorithm
def test_a_pause_before_the_first_order_holds_it_and_a_resume_keeps_the_deadline(
    desk: Desk, control: ParentControl, name: str
) -> None:
    approve(desk, name)
    deadline = desk.parent().deadline_at
    control.pause("r-1", **WHY)
    work(desk, 10)
    assert desk.exchange.posts == 0
    assert desk.parent().state == ParentState.PAUSED
    control.resume("r-1", **WHY)
    assert desk.parent().deadline_at == deadline
    work(desk, 26)
    parent = desk.parent()
    # Nobody trades against an iceberg here; all others take what they need themselves.
    expected = ParentState.UNFILLED if name == "iceberg" else ParentState.COMPLETED
    assert parent.state == expected, parent.end_reason
    assert desk.exchange.posts > 0
    assert parent.finished_at is not None
    assert parent.finished_at <= deadline + timedelta(seconds=1)
    assert all(child.sent_at < deadline for child in desk.children() if child.sent_at)
    desk.check_balance()


@pytest.mark.parametrize("name", [name for name in SIGNALS if name != "immediate"])
def test_a_pause_half_way_sends_nothing_more_and_leaves_nothing_at_the_exchange(
    desk: Desk, control: ParentControl, name: str
) -> None:
    approve(desk, name)
    work(desk, 4)
    posts = desk.exchange.posts
    assert posts > 0
    resting = tuple(order.order_link_id for order in desk.exchange.open_orders())
    assert bool(resting) == (name in RESTING)
    report = control.pause("r-1", **WHY)
    assert report.called_back == resting
    desk.step()
    assert desk.exchange.open_orders() == []
    work(desk, 10)
    assert desk.exchange.posts == posts
    assert desk.parent().state == ParentState.PAUSED
    assert desk.reservation().open_qty == desk.parent().approved_qty - desk.parent().filled_qty


@every_algorithm
def test_a_pause_that_lasts_too_long_ends_at_the_deadline(
    desk: Desk, control: ParentControl, name: str
) -> None:
    approve(desk, name)
    control.pause("r-1", **WHY)
    work(desk, 30)
    desk.pass_time(6)
    desk.reconciler.expire_overdue()
    work(desk, 2)
    assert desk.parent().state == ParentState.UNFILLED
    assert desk.exchange.posts == 0
    desk.check_balance()


@every_resting_one
def test_a_pause_wakes_the_worker_at_once(desk: Desk, control: ParentControl, name: str) -> None:
    approve(desk, name)
    work(desk, 2)
    desk.task_queue.parents.clear()
    control.pause("r-1", **WHY)
    assert desk.task_queue.parents == [("r-1", desk.clock.now())]
    assert desk.step() is StepResult.STEPPED
    assert len(desk.exchange.cancel_requests) == 1


def test_a_fill_before_the_pause_s_cancel_counts_and_is_not_traded_again(
    desk: Desk, control: ParentControl
) -> None:
    approve(desk, "passive")
    work(desk, 2)
    (resting,) = desk.exchange.open_orders()
    control.pause("r-1", **WHY)
    part = desk.exchange.fill(resting.order_link_id, D("0.02"))
    work(desk, 3)
    parent = desk.parent()
    assert (parent.state, parent.filled_qty) == (ParentState.PAUSED, part)
    control.resume("r-1", **WHY)
    work(desk, 1)
    (again,) = desk.exchange.open_orders()
    assert again.qty == parent.approved_qty - part


def test_a_resting_order_under_way_during_the_pause_is_called_back_once_it_is_known(
    desk: Desk, control: ParentControl
) -> None:
    approve(desk, "passive")
    desk.worker.step("r-1")
    desk.exchange.faults = [(OutcomeUnknown("read timeout"), True)]
    desk.exchange.before_post = lambda: control.pause("r-1", **WHY) and None
    assert desk.send(desk.child().child_id) is SendResult.UNKNOWN
    work(desk, 2)
    assert desk.exchange.open_orders() == []
    assert desk.exchange.posts == 1
    assert desk.child().state == ChildState.CANCELLED


def test_a_pause_survives_a_cancel_that_the_exchange_did_not_hear(
    desk: Desk, control: ParentControl
) -> None:
    approve(desk, "iceberg")
    work(desk, 2)
    desk.exchange.cancel_faults = [(DependencyDown("reset"), False)]
    control.pause("r-1", **WHY)
    work(desk, 1)
    assert len(desk.exchange.open_orders()) == 1
    work(desk, 4)
    assert desk.exchange.open_orders() == []


# Resume


def test_a_child_that_is_not_due_yet_keeps_its_time(desk: Desk, control: ParentControl) -> None:
    approve(desk, "twap")
    before = {child.child_id: child.due_at for child in desk.children()}
    control.pause("r-1", **WHY)
    desk.pass_time(7)
    assert control.resume("r-1", **WHY).children_due == 2
    later = [child for child in desk.children() if child.planned_at > desk.clock.now()]
    assert len(later) == 4
    assert all(child.due_at == before[child.child_id] for child in later)


# Cancel


@every_algorithm
def test_a_cancel_before_the_first_order_releases_everything(
    desk: Desk, control: ParentControl, name: str
) -> None:
    approve(desk, name)
    planned = len(desk.children())
    report = control.cancel("r-1", **WHY)
    assert (report.after, report.children_ended) == (ParentState.UNFILLED, planned)
    assert desk.reservation().open_qty == 0
    assert desk.parent().released_qty == desk.parent().approved_qty
    assert status(desk) == ExecutionStatus.CANCELLED
    work(desk, 8)
    assert desk.exchange.posts == 0


@every_algorithm
@pytest.mark.parametrize("paused", [False, True])
def test_a_cancel_half_way_ends_with_what_was_filled(
    desk: Desk, control: ParentControl, name: str, *, paused: bool
) -> None:
    desk.exchange.fill_share = D("0.5")
    approve(desk, name)
    work(desk, 1 if name == "immediate" else 4)
    if paused:
        control.pause("r-1", **WHY)
        work(desk, 2)
    posts, filled = desk.exchange.posts, desk.parent().filled_qty
    resting = tuple(order.order_link_id for order in desk.exchange.open_orders())
    report = control.cancel("r-1", **WHY)
    desk.check_balance()
    assert report.called_back == resting
    work(desk, 3)
    parent = desk.parent()
    assert ParentState(parent.state).is_final
    assert (parent.filled_qty, parent.released_qty) == (filled, parent.approved_qty - filled)
    assert parent.end_reason == "cancelled by the operator: drill"
    assert desk.exchange.open_orders() == []
    assert desk.exchange.posts == posts
    done = ExecutionStatus.EXECUTED_SUCCESSFULLY if filled else ExecutionStatus.CANCELLED
    assert status(desk) == done


@every_resting_one
@pytest.mark.parametrize("share", ["0.4", "1"])
def test_a_fill_that_comes_during_a_cancel_counts(
    desk: Desk, control: ParentControl, name: str, share: str
) -> None:
    approve(desk, name)
    work(desk, 2)
    (resting,) = desk.exchange.open_orders()
    control.cancel("r-1", **WHY)
    desk.check_balance()
    part = desk.exchange.fill(resting.order_link_id, (resting.qty * D(share)).quantize(D("0.001")))
    desk.stream()
    desk.check_balance()
    work(desk, 2)
    parent = desk.parent()
    assert (parent.filled_qty, desk.position()) == (part, part)
    whole = part == parent.approved_qty
    assert parent.state == (ParentState.COMPLETED if whole else ParentState.PARTIAL)
    assert status(desk) == ExecutionStatus.EXECUTED_SUCCESSFULLY


def test_an_order_on_its_way_when_the_cancel_comes_ends_by_the_exchange_s_word(
    desk: Desk, control: ParentControl
) -> None:
    approve(desk, "twap")
    desk.exchange.before_post = lambda: control.cancel("r-1", **WHY) and None
    assert desk.send_due() == [SendResult.SENT]
    parent = desk.parent()
    assert not ParentState(parent.state).is_final
    desk.check_balance()
    desk.stream()
    parent = desk.parent()
    assert parent.state == ParentState.PARTIAL
    assert parent.filled_qty == desk.children()[0].qty
    desk.check_balance()


def test_an_order_that_was_never_taken_is_not_sent_again_after_a_cancel(
    desk: Desk, control: ParentControl
) -> None:
    approve(desk, "twap")
    desk.exchange.faults = [(OutcomeUnknown("reset"), False)]
    first = desk.children()[0].child_id
    assert desk.send(first) is SendResult.UNKNOWN
    control.cancel("r-1", **WHY)
    desk.pass_time(11)
    desk.reconciler.resolve_child(first)
    assert desk.send(first) is SendResult.STOPPED
    assert desk.parent().state == ParentState.UNFILLED
    assert status(desk) == ExecutionStatus.CANCELLED
    assert desk.exchange.accepted == []
    desk.check_balance()


# Twice, too late, unknown


@pytest.mark.parametrize("act", ["pause", "resume", "cancel"])
def test_a_second_call_changes_nothing_and_says_so(
    desk: Desk, control: ParentControl, act: str
) -> None:
    approve(desk, "passive")
    work(desk, 2)
    if act == "resume":
        control.pause("r-1", **WHY)
    first: ControlReport = getattr(control, act)("r-1", **WHY)
    recorded = acts(desk)
    second: ControlReport = getattr(control, act)("r-1", reason="again", actor="cli:bob")
    assert (first.changed, second.changed) == (True, False)
    assert second.before == second.after == first.after
    assert acts(desk) == recorded
    if act == "cancel":
        assert second.called_back == first.called_back != ()
        work(desk, 2)
        over: ControlReport = control.cancel("r-1", **WHY)
        assert (over.changed, over.after) == (False, ParentState.UNFILLED)


def test_each_act_is_one_audit_entry_with_reason_and_actor(
    desk: Desk, control: ParentControl
) -> None:
    approve(desk, "twap")
    control.pause("r-1", reason=" news ", actor="cli:alice")
    control.resume("r-1", reason="over", actor="cli:bob")
    control.cancel("r-1", reason="wrong size", actor="pipeline")
    assert acts(desk) == [
        ("parent_paused", "cli:alice", "news"),
        ("parent_resumed", "cli:bob", "over"),
        ("parent_cancelled", "pipeline", "wrong size"),
    ]


@pytest.mark.parametrize("act", ["pause", "resume", "cancel"])
def test_what_can_not_be_acted_on_is_refused_with_a_code(
    desk: Desk, control: ParentControl, act: str
) -> None:
    def refused(request_id: str, reason: str = "drill") -> str:
        with pytest.raises(Refused) as error:
            getattr(control, act)(request_id, reason=reason, actor="cli:alice")
        return error.value.code

    assert refused("r-none") == "unknown_request"
    desk.approve("r-denied", ml_predictions={"confidence": 0.1})
    assert refused("r-denied") == "no_parent"
    approve(desk, "immediate")
    assert refused("r-1", reason=" \t") == "empty_reason"
    work(desk, 1)
    assert desk.parent().state == ParentState.COMPLETED
    assert refused("r-1") == "parent_over"
    assert acts(desk) == []


def test_what_is_being_ended_is_neither_paused_nor_resumed(
    desk: Desk, control: ParentControl
) -> None:
    approve(desk, "passive")
    work(desk, 2)
    control.pause("r-1", **WHY)
    control.cancel("r-1", **WHY)
    for act in (control.pause, control.resume):
        with pytest.raises(Refused, match="is being ended: cancelled by the operator"):
            act("r-1", **WHY)


# Two operators at once


def _together(*calls: Callable[[], ControlReport]) -> list[ControlReport | MlriskError]:
    """Each in its own thread, begun together; the outcomes in the order of the calls."""
    barrier = threading.Barrier(len(calls))
    outcomes: dict[int, ControlReport | MlriskError] = {}

    def run(number: int, call: Callable[[], ControlReport]) -> None:
        barrier.wait()
        try:
            outcomes[number] = call()
        except MlriskError as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[number] for number in range(len(calls))]


@pytest.mark.parametrize("act", ["pause", "resume", "cancel"])
def test_of_operators_who_do_the_same_at_once_one_changes_it(
    desk: Desk, control: ParentControl, act: str
) -> None:
    approve(desk, "passive")
    work(desk, 2)
    if act == "resume":
        control.pause("r-1", **WHY)
    recorded = len(acts(desk))

    def call() -> ControlReport:
        report: ControlReport = getattr(control, act)("r-1", **WHY)
        return report

    outcomes = _together(*[call] * 5)
    reports = [outcome for outcome in outcomes if isinstance(outcome, ControlReport)]
    assert len(reports) == 5
    assert sum(report.changed for report in reports) == 1
    assert len(acts(desk)) == recorded + 1
    work(desk, 2)
    desk.check_balance()


def test_a_pause_and_a_cancel_at_once_leave_a_cancelled_order(
    desk: Desk, control: ParentControl
) -> None:
    approve(desk, "passive")
    work(desk, 2)
    paused, cancelled = _together(
        lambda: control.pause("r-1", **WHY), lambda: control.cancel("r-1", **WHY)
    )
    assert isinstance(cancelled, ControlReport)
    assert cancelled.changed
    if isinstance(paused, MlriskError):
        assert paused.code == "parent_over"
    work(desk, 2)
    assert desk.parent().state == ParentState.UNFILLED
    assert desk.exchange.open_orders() == []
    desk.check_balance()


def test_a_cancel_while_workers_send_never_lets_the_books_go_wrong(
    desk: Desk, control: ParentControl
) -> None:
    """Senders of every slice and an operator at once: each slice is sent whole or released."""
    approve(desk, "twap")
    desk.limits.change(working=replace(desk.limits.value.working, max_catch_up=D(100)))
    desk.pass_time(29)
    due = [child.child_id for child in desk.children()]
    threads = [
        threading.Thread(target=desk.new_sender(f"w{i}").send, args=(child_id, "paper"))
        for i, child_id in enumerate(due)
    ]
    threads.insert(3, threading.Thread(target=control.cancel, args=("r-1",), kwargs=WHY))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.stream()
    desk.check_balance()
    sent = sum((D(str(body["qty"])) for body in desk.exchange.accepted), D(0))
    parent = desk.parent()
    assert ParentState(parent.state).is_final
    assert (parent.filled_qty, parent.released_qty) == (sent, parent.approved_qty - sent)


def test_without_wake_ups_the_dispatcher_finds_what_a_resume_left(desk: Desk) -> None:
    quiet = ParentControl(desk.db, desk.clock)
    for request_id, name in (("r-1", "twap"), ("r-2", "passive")):
        approve(desk, name, request_id)
        quiet.pause(request_id, **WHY)
    desk.pass_time(6)
    for request_id in ("r-1", "r-2"):
        quiet.resume(request_id, **WHY)
    desk.task_queue.children.clear()
    desk.task_queue.parents.clear()
    desk.pass_time(4)
    desk.dispatcher.tick()
    due = [c for c in desk.children("r-1") if c.planned_at <= T0 + timedelta(seconds=6)]
    # The first of the late ones; the others follow it one by one.
    assert due[0].child_id in {key for key, _ in desk.task_queue.children}
    assert [key for key, _ in desk.task_queue.parents] == ["r-2"]
