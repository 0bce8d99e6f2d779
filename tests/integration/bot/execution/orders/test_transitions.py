"""Every move of an order is in the table of moves, and its entry is in the same transaction."""

from decimal import Decimal

import pytest

from bot.errors import ExchangeRefused
from bot.execution.orders import transitions
from models.enums import ChildState, VenueReason
from models.locks import lock_order
from tests.support.accounts.moves import moves, watch_moves
from tests.support.desk import Desk

pytestmark = pytest.mark.services

SWITCHING = {
    "position_size": "3000",
    "algorithm": "twap",
    "horizon_seconds": 30,
    "interval_seconds": 10,
    "backup_plan": {"price": ["other_algorithm"], "fallback_algorithm": "immediate"},
}


def test_slices_that_another_algorithm_replaces_end_with_an_entry_each(desk: Desk) -> None:
    watch_moves(desk.db)
    desk.approve(signal_data=SWITCHING)
    planned = {child.order_link_id for child in desk.children()}
    desk.exchange.faults.append((ExchangeRefused(110003, "price", reason=VenueReason.PRICE), False))
    desk.send_due()
    replaced = {
        child.order_link_id for child in desk.children() if child.state is ChildState.CANCELLED
    }
    assert len(replaced) == len(planned) - 1 > 0
    seen = {move.subject: move for move in moves(desk.db) if move.after == ChildState.CANCELLED}
    assert seen.keys() == replaced
    assert all(move.audited for move in seen.values())


def test_a_move_that_the_table_lacks_is_refused_and_changes_nothing(desk: Desk) -> None:
    desk.approve()
    child_id = desk.child().child_id
    with desk.deps.work() as uow:
        found = lock_order(uow.session, child_id)
        assert found is not None
        with pytest.raises(transitions.ForbiddenMove, match="planned and can't become acked"):
            transitions.acknowledge(uow, found[1], "order-1", "test")
        uow.commit()
    child = desk.child()
    assert (child.state, child.exchange_order_id) == (ChildState.PLANNED, None)
    assert "child_outcome" not in desk.audit_kinds()


def test_a_whole_life_is_moves_of_the_table_each_with_its_entry(desk: Desk) -> None:
    watch_moves(desk.db)
    desk.exchange.fill_share = Decimal(1)
    desk.approve()
    desk.send_due()
    desk.stream()
    seen = moves(desk.db)
    children = [(move.before, move.after) for move in seen if move.kind == "child"]
    assert children[:2] == [("planned", "sending"), ("sending", "acked")]
    assert children[-1][1] == "filled"
    assert [move for move in seen if not move.audited] == []
