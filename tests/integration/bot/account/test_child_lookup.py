"""Children of unknown outcome are looked up at the exchange, one by one."""

from datetime import timedelta
from decimal import Decimal

from bot.errors import DependencyDown, OutcomeUnknown, Throttled
from config.keys.working import WorkingRules
from models.enums import ChildState
from tests.support.desk import Desk

D = Decimal


def sent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)


def test_a_child_that_cannot_be_looked_up_keeps_reconciliation_from_nothing(desk: Desk) -> None:
    desk.exchange.fill_share = D(0)
    sent(desk)
    desk.pass_time(10)

    def unreadable(symbol: str, order_link_id: str) -> None:
        raise DependencyDown("unreadable field qty")

    desk.exchange.find_order = unreadable  # type: ignore[method-assign,assignment]
    assert desk.reconciler.reconcile_account().position_differences == {}


def lost(desk: Desk, seconds: float) -> None:
    """Silent answers for so long; no order is ever taken."""
    desk.exchange.faults = [(OutcomeUnknown("read timeout"), False)] * 100
    desk.limits.change(working=WorkingRules(timeout_seconds=seconds, max_retries=1))


def turn(desk: Desk) -> None:
    """A sending, and the look that proves that it was not taken."""
    desk.send_due()
    desk.pass_time(11)
    desk.reconciler.resolve_all(older_than=timedelta(seconds=1))


def test_an_entry_without_an_answer_within_the_timeout_counts_as_failed(desk: Desk) -> None:
    lost(desk, 20)
    desk.approve_twap(size="500")
    first = desk.children()[0].child_id

    def state() -> ChildState:
        return next(child.state for child in desk.children() if child.child_id == first)

    turn(desk)
    assert state() is ChildState.PLANNED, "11 s of silence: the same order goes out again"
    turn(desk)
    assert state() is ChildState.REJECTED
    ended = next(child for child in desk.children() if child.child_id == first)
    assert "has not confirmed it within 20 s" in str(ended.note)
    assert ended.posts == 2
    again = [child for child in desk.children() if (child.slot, child.attempt) == (0, 1)]
    assert len(again) == 1, "the step after a timeout is another attempt"
    desk.check_balance()


def test_an_answer_in_between_begins_the_time_anew_and_an_exit_has_none(desk: Desk) -> None:
    desk.approve("r-0")
    desk.send_due()
    desk.stream()
    lost(desk, 1)
    desk.approve("r-1", side="sell", signal_data={"reduce_only": True})
    turn(desk)
    turn(desk)
    (child,) = desk.children("r-1")
    assert child.state is not ChildState.REJECTED
    assert child.posts >= 2
    desk.exchange.faults = [(Throttled("too fast"), False)]
    desk.approve("r-2", signal_data={"position_size": "700"})
    desk.send(desk.child().child_id)
    assert desk.child().first_sent_at is None
