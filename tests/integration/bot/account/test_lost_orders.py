"""Orders that the exchange took and then forgot: an end with proof, and nothing before it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from bot.account.lost_orders import LostOrders
from bot.errors import NotAuthorised, Refused
from models.enums import ChildState, OperatorRole
from models.tables import AuditRow, PositionRow
from tests.support.desk import Desk
from tests.support.operators import operator

pytestmark = pytest.mark.services

PASSIVE = {
    "position_size": "3000",
    "algorithm": "passive",
    "horizon_seconds": 600,
    "cross_margin_seconds": 20,
}
QUIET = timedelta(seconds=1.5)


def rest(desk: Desk) -> str:
    """An order in the book, known here; returns its id."""
    desk.approve(signal_data=PASSIVE)
    desk.step()
    assert desk.child().state == ChildState.ACKED
    return desk.child().order_link_id


def sweep(desk: Desk, seconds: int) -> int:
    """What the sweep does every 2 s; returns how often it asked for the order."""
    asked = 0
    find = desk.exchange.find_order

    def counted(symbol: str, link: str) -> object:
        nonlocal asked
        asked += 1
        return find(symbol, link)

    desk.exchange.find_order = counted  # type: ignore[method-assign, assignment]
    for _ in range(seconds // 2):
        desk.reconciler.resolve_all(older_than=QUIET)
        desk.pass_time(2)
    desk.exchange.find_order = find  # type: ignore[method-assign]
    return asked


@pytest.mark.long
def test_a_forgotten_order_ends_as_lost_and_gives_back_what_it_held(desk: Desk) -> None:
    link = rest(desk)
    del desk.exchange.orders[link]
    asked = sweep(desk, 600)
    child = desk.child()
    assert (child.state, child.order_link_id) == (ChildState.LOST, link)
    assert asked <= 12
    assert link in desk.exchange.cancel_requests
    assert "order_lost" in desk.audit_kinds()
    assert desk.reservation().open_qty == 0
    assert desk.parent().end_reason == "lost by the exchange"
    desk.check_balance()


def test_an_order_that_is_hidden_for_a_while_is_not_lost(desk: Desk) -> None:
    link = rest(desk)
    desk.exchange.visible = False
    sweep(desk, 90)
    assert desk.child().state == ChildState.ACKED
    assert desk.exchange.cancel_requests == []
    desk.exchange.visible = True
    sweep(desk, 60)
    child = desk.child()
    assert (child.state, child.absences, child.look_at) == (ChildState.WORKING, 0, None)
    assert desk.exchange.orders[link].filled_qty == 0


@pytest.mark.long
def test_a_missing_order_is_not_lost_while_the_positions_disagree(desk: Desk) -> None:
    link = rest(desk)
    del desk.exchange.orders[link]
    desk.reconciler.reconcile_account()
    held = PositionRow(
        account="paper", symbol="BTCUSDT", qty=Decimal("0.01"), entry_price=Decimal(65000),
        realised_pnl=Decimal(0), fees=Decimal(0), updated_at=desk.clock.now(),
    )  # fmt: skip
    with desk.db.transaction() as session:
        session.merge(held)
    sweep(desk, 600)
    assert desk.child().state == ChildState.ACKED
    with desk.db.transaction() as session:
        session.execute(update(PositionRow).values(qty=Decimal(0)))
    sweep(desk, 120)
    assert desk.child().state == ChildState.LOST


@pytest.mark.long
def test_a_fill_that_comes_after_the_loss_is_credited(desk: Desk) -> None:
    link = rest(desk)
    order = desk.exchange.orders.pop(link)
    sweep(desk, 600)
    assert desk.child().state == ChildState.LOST
    desk.exchange.orders[link] = order
    desk.exchange.fill(link)
    desk.stream()
    assert desk.position() == order.qty
    assert desk.parent().filled_qty == order.qty
    desk.check_balance()


def lost_orders(desk: Desk, *, free: bool = True) -> LostOrders:
    return LostOrders(desk.deps, desk.fill_book, free=free)


def test_force_takes_an_operators_login_where_it_is_not_free(desk: Desk) -> None:
    link = rest(desk)
    lost = lost_orders(desk, free=False)
    for actor in ("cli:boss", operator("eve", OperatorRole.VIEWER)):
        with pytest.raises(NotAuthorised, match="without proof"):
            lost.forget(link, reason="gone", actor=actor, force=True)
    assert desk.exchange.cancel_requests == []
    assert desk.child().state == ChildState.ACKED
    lost.forget(link, reason="gone", actor=operator("ann", OperatorRole.OPERATOR), force=True)
    assert desk.child().state == ChildState.LOST


def test_an_operator_can_forget_an_order_only_with_proof_or_by_force(desk: Desk) -> None:
    link = rest(desk)
    lost = lost_orders(desk)
    for name, code in (("nothing", "unknown_order"), (link, "not_proven")):
        with pytest.raises(Refused) as raised:
            lost.forget(name, reason="gone", actor="me")
        assert raised.value.code == code
    assert desk.exchange.cancel_requests == []
    lost.forget(link, reason="gone", actor="me", force=True)
    assert desk.child().state == ChildState.LOST
    assert desk.exchange.cancel_requests == [link]
    assert desk.reservation().open_qty == 0
    with desk.db.reading() as session:
        entry = session.scalars(select(AuditRow).where(AuditRow.kind == "order_lost")).one()
    assert entry.actor == "me"
    assert entry.payload["reason"] == "gone"
    assert entry.payload["forced"] is True
    with pytest.raises(Refused):
        lost.forget(link, reason="gone", actor="me")
