"""Two accounts' rows in one database: whatever selects or acts touches its own and no other."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.account.reservations import rebuild
from bot.errors import Refused
from bot.execution.orders.control import ParentControl
from bot.execution.orders.ownership import REFUSED
from bot.execution.sending.sender import SendResult
from bot.execution.working.parent_worker import StepResult
from models.database import Database
from models.enums import ChildState, ExecutionStatus
from models.tables import (
    AuditRow,
    ChildOrderRow,
    DecisionRow,
    ParentOrderRow,
    TradeRequestRow,
)
from tests.support.accounts.account_rows import rows_of
from tests.support.desk import Desk


def refusals(db: Database) -> list[tuple[str, dict[str, Any]]]:
    with db.reading() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.kind == REFUSED))
        return [(row.chain, row.payload) for row in rows]


def test_the_sender_refuses_a_child_of_another_account(desk: Desk, theirs: Desk) -> None:
    desk.approve()
    before = rows_of(desk.db, "paper")
    child = desk.child().child_id
    assert theirs.send(child) is SendResult.FOREIGN
    assert theirs.send(child) is SendResult.FOREIGN
    assert theirs.exchange.posts == 0
    assert rows_of(desk.db, "paper") == before
    assert refusals(desk.db) == [("other", {"act": "send", "account": "paper"})]
    assert desk.send(child) is SendResult.SENT


def test_another_account_never_steps_or_calls_back(desk: Desk, theirs: Desk) -> None:
    desk.approve(
        signal_data={
            "position_size": "3000",
            "algorithm": "iceberg",
            "horizon_seconds": 30,
        },
        metadata={"strategy": "test"},
    )
    with desk.db.reading() as session:
        stepped = session.get_one(ParentOrderRow, "r-1").stepped
    assert stepped
    before = rows_of(desk.db, "paper")
    assert theirs.worker.step("r-1") is StepResult.FOREIGN
    assert theirs.exchange.cancel_requests == []
    assert rows_of(desk.db, "paper") == before


def test_what_other_keys_can_not_see_is_no_proof_of_absence(desk: Desk, theirs: Desk) -> None:
    """Seen: an order under way is "never taken" for the other account, and would go out twice."""
    desk.approve()
    child = desk.child().child_id
    with desk.db.transaction() as session:
        row = session.get_one(ChildOrderRow, child)
        row.state, row.sent_at = ChildState.UNKNOWN, desk.clock.now() - timedelta(minutes=5)
    before = rows_of(desk.db, "paper")
    assert theirs.reconciler.resolve_child(child) is None
    assert rows_of(desk.db, "paper") == before
    assert refusals(desk.db) == [("other", {"act": "resolve", "account": "paper"})]


def test_a_stored_request_is_decided_by_its_own_account_only(desk: Desk, theirs: Desk) -> None:
    desk.admission.accept(desk.request())
    assert theirs.approval.validate_stored("r-1") is None
    with desk.db.reading() as session:
        row = session.get_one(TradeRequestRow, "r-1")
        assert row.status == ExecutionStatus.PENDING_VALIDATION
        assert session.get(DecisionRow, "r-1") is None


def test_a_request_id_of_another_account_is_refused_by_name(desk: Desk, theirs: Desk) -> None:
    desk.approve()
    answer = theirs.approve()
    assert answer["status"] == ExecutionStatus.VALIDATION_FAILED
    assert [field["field"] for field in answer["error"]["fields"]] == ["request_id"]


@pytest.mark.parametrize("act", ["pause", "resume", "cancel"])
def test_an_operator_acts_on_the_orders_of_the_account_that_is_meant(
    desk: Desk, theirs: Desk, act: str
) -> None:
    desk.approve_twap()
    before = rows_of(desk.db, "paper")
    control = ParentControl(desk.db, desk.clock, account="other")
    with pytest.raises(Refused) as refused:
        getattr(control, act)("r-1", reason="test", actor="me")
    assert refused.value.code == "another_account"
    assert rows_of(desk.db, "paper") == before


REPEATED: dict[str, Callable[[Desk], object]] = {
    "dispatch": lambda desk: desk.dispatcher.tick(),
    "pace": lambda desk: desk.throttling.tick(),
    "expire": lambda desk: desk.reconciler.expire_overdue(),
    "resolve": lambda desk: desk.reconciler.resolve_all(older_than=timedelta(0)),
    "recheck": lambda desk: desk.reconciler.recheck_expired(),
    "reconcile": lambda desk: desk.reconciler.reconcile_account(),
    "rebuild": lambda desk: rebuild(desk.db, desk.account, desk.clock, desk.exchange),
    "wallet": lambda desk: desk.reconciler.record_wallet(),
    "stream": lambda desk: desk.stream(),
}


@pytest.mark.parametrize("name", REPEATED)
def test_what_is_repeated_touches_its_own_rows_only(desk: Desk, theirs: Desk, name: str) -> None:
    """Everything is there to be touched: due, lost, overdue, given up, unresolved, filled."""
    _busy(desk, "a")
    _busy(theirs, "b")
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=100))
    before = rows_of(desk.db, "paper")
    REPEATED[name](theirs)
    assert rows_of(desk.db, "paper") == before
    assert not [key for key, _ in theirs.task_queue.children if key in _children(desk)]
    assert not [key for key, _ in theirs.task_queue.parents if key.startswith("a-")]
    assert not [key for key in theirs.task_queue.requests if key.startswith("a-")]


def test_facts_told_with_other_keys_change_no_order(desk: Desk, theirs: Desk) -> None:
    """One exchange account under two names: what it reports is news to the owner alone."""
    desk.approve()
    desk.send_due()
    order = next(iter(desk.exchange.orders.values()))
    before = rows_of(desk.db, "paper")
    theirs.fill_book.apply_order(order, desk.clock.now())
    theirs.fill_book.apply_execution(desk.exchange.fills[0], desk.clock.now(), source="stream")
    assert rows_of(desk.db, "paper") == before
    assert "fill_without_child" in desk.audit_kinds()


def _busy(desk: Desk, prefix: str) -> None:
    """One account's rows in every state that something looks for."""
    desk.approve_twap(f"{prefix}-twap")
    desk.send_due()
    desk.approve(
        f"{prefix}-steps",
        signal_data={"position_size": "3000", "algorithm": "iceberg", "horizon_seconds": 300},
    )
    desk.admission.accept(desk.request(f"{prefix}-lost"))
    for suffix, state in (("unknown", ChildState.UNKNOWN), ("gone", ChildState.EXPIRED)):
        desk.approve(f"{prefix}-{suffix}")
        child = desk.children(f"{prefix}-{suffix}")[0].child_id
        with desk.db.transaction() as session:
            row = session.get_one(ChildOrderRow, child)
            row.state, row.posts, row.sent_at = state, 1, desk.clock.now()
            row.final_at = desk.clock.now() if state.is_final else None


def _children(desk: Desk) -> set[int]:
    with desk.db.reading() as session:
        return set(
            session.scalars(
                select(ChildOrderRow.child_id).where(ChildOrderRow.account == desk.account)
            )
        )
