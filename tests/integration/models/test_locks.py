"""Row locks: their order, and that a row is locked once in a transaction. On real Postgres."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from bot.execution.orders import lifecycle
from bot.execution.orders.reasons import HALTED
from bot.execution.ports import OrderWork
from models.enums import ChildState
from models.locks import lock_child, lock_order, lock_order_of_link, lock_parent
from models.tables import ChildOrderRow, ParentOrderRow
from tests.support.desk import Desk
from tests.support.statements import statements

pytestmark = pytest.mark.services


@pytest.fixture
def child(desk: Desk) -> ChildOrderRow:
    desk.approval.validate_and_execute(desk.request("r-1"))
    return desk.children("r-1")[0]


def test_an_orders_parent_is_locked_before_its_child(desk: Desk, child: ChildOrderRow) -> None:
    """Whoever waits for the child holds the parent by then: no two can wait for each other."""
    waiting, done = threading.Event(), threading.Event()

    def lock_both() -> None:
        with desk.db.unit_of_work() as uow:
            uow.session.execute(text("SET LOCAL application_name = 'waits for the child'"))
            waiting.set()
            assert lock_order(uow.session, child.child_id) is not None
        done.set()

    with desk.db.transaction() as holder:
        holder.execute(
            select(ChildOrderRow).where(ChildOrderRow.child_id == child.child_id).with_for_update()
        )
        thread = threading.Thread(target=lock_both)
        thread.start()
        assert waiting.wait(60)
        with desk.db.reading() as looker:
            while not looker.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND application_name = 'waits for the child'"
                )
            ):
                assert thread.is_alive()
        with pytest.raises(OperationalError), desk.db.transaction() as other:
            other.execute(select(ParentOrderRow).with_for_update(nowait=True))
        assert not done.is_set()
    thread.join(60)
    assert done.is_set()


def test_what_is_locked_is_as_it_was_committed_by_whoever_held_it(
    desk: Desk, child: ChildOrderRow
) -> None:
    seen: list[tuple[str, str]] = []

    def lock_both() -> None:
        with desk.db.unit_of_work() as uow:
            found = lock_order_of_link(uow.session, child.account, child.order_link_id)
            assert found is not None
            seen.append((str(found[0].end_reason), found[1].state))

    with desk.db.transaction() as holder:
        held = lock_order(holder, child.child_id)
        assert held is not None
        thread = threading.Thread(target=lock_both)
        thread.start()
        held[0].end_reason, held[1].state = "changed", ChildState.UNKNOWN
    thread.join(60)
    assert seen == [("changed", ChildState.UNKNOWN)]


def test_a_row_is_locked_once_in_a_transaction_and_anew_in_the_next(
    desk: Desk, child: ChildOrderRow
) -> None:
    with desk.db.unit_of_work() as uow, statements(desk.db) as said:
        session = uow.session
        found = lock_order(session, child.child_id)
        assert found is not None
        assert lock_parent(session, "r-1") is found[0]
        assert lock_child(session, child.child_id) is found[1]
        assert len(said) == 1
        session.commit()
        assert lock_child(session, child.child_id) is found[1]
        assert lock_child(session, child.child_id) is found[1]
        assert len(said) == 2
        assert "FOR UPDATE" in said[1]


def test_an_unknown_order_is_none(desk: Desk) -> None:
    with desk.db.reading() as session:
        assert lock_order(session, 1) is None
        assert lock_order_of_link(session, "paper", "mlr-unknown") is None


def test_what_was_changed_before_the_lock_is_not_lost_by_it(
    desk: Desk, child: ChildOrderRow
) -> None:
    with desk.db.unit_of_work() as uow:
        parent = uow.session.get(ParentOrderRow, "r-1")
        assert parent is not None
        parent.end_reason = "changed first"
        assert lock_parent(uow.session, "r-1") is parent
        assert parent.end_reason == "changed first"
        uow.commit()
    assert desk.parent("r-1").end_reason == "changed first"


def stopped(desk: Desk, uow: OrderWork, parent: ParentOrderRow) -> int:
    return lifecycle.stop(uow, parent, HALTED)


def expired(desk: Desk, uow: OrderWork, parent: ParentOrderRow) -> int:
    desk.pass_time(3600)
    return lifecycle.expire(uow, parent)


@pytest.mark.parametrize(
    ("end", "state"), [(stopped, ChildState.CANCELLED), (expired, ChildState.EXPIRED)]
)
def test_an_end_takes_as_many_statements_for_many_children_as_for_few(
    desk: Desk, end: Callable[[Desk, OrderWork, ParentOrderRow], int], state: ChildState
) -> None:
    """A halt stops every parent: it must not ask for each of a thousand slices."""
    counts = []
    for request_id, slices in (("few", 3), ("many", 30)):
        signal = {
            "position_size": "9000",
            "algorithm": "twap",
            "horizon_seconds": slices * 10,
            "interval_seconds": 10,
        }
        desk.approval.validate_and_execute(desk.request(request_id, signal_data=signal))
        with desk.deps.work() as uow, statements(desk.db) as said:
            parent = lock_parent(uow.session, request_id)
            assert parent is not None
            assert end(desk, uow, parent) == slices
            uow.commit()
        counts.append(len(said))
        assert all(c.state == state for c in desk.children(request_id))
        assert desk.parent(request_id).released_qty == desk.parent(request_id).approved_qty
    assert counts[0] == counts[1]
