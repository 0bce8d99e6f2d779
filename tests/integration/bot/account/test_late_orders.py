"""Orders that turn up after their children have ended."""

from decimal import Decimal

import pytest

from bot.errors import DependencyDown, OutcomeUnknown
from models.enums import (
    ChildState,
    TradeSide,
)
from models.tables import ChildOrderRow
from tests.support.accounts.unseen_orders import given_up
from tests.support.desk import Desk
from tests.support.fakes import PRICE


def test_an_order_that_turns_up_after_it_was_given_up_takes_its_release_back(desk: Desk) -> None:
    child = given_up(desk)
    assert desk.parent().released_qty == desk.parent().approved_qty
    desk.exchange.visible = True
    desk.pass_time(90)
    assert desk.reconciler.recheck_expired() == 1
    assert desk.reconciler.recheck_expired() == 0
    assert desk.position() == child.qty
    assert (desk.parent().filled_qty, desk.parent().released_qty) == (child.qty, 0)
    assert {"late_order", "late_fill"} <= set(desk.audit_kinds())


def test_an_order_that_was_given_up_is_looked_for_once_more_and_not_sixty_times(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.exchange.faults = [(OutcomeUnknown("timeout"), False)]
    desk.approve()
    desk.send_due()
    desk.pass_time(60)
    desk.reconciler.resolve_child(desk.child().child_id)
    assert desk.child().state == ChildState.EXPIRED
    asked: list[str] = []
    monkeypatch.setattr(desk.exchange, "find_order", lambda _, link: asked.append(link))
    for _ in range(70):
        desk.pass_time(2)
        desk.reconciler.recheck_expired()
    assert asked == [desk.child().order_link_id]


def late_fill(desk: Desk, child: ChildOrderRow, qty: Decimal) -> None:
    desk.exchange._execute(child.order_link_id, TradeSide.BUY, qty, PRICE, maker=False)
    desk.stream()


D = Decimal


def test_our_order_whose_child_has_ended_is_called_back(desk: Desk) -> None:
    desk.exchange.fill_share = D(0)
    desk.approve()
    desk.send(desk.child().child_id)
    desk.stream()
    child = desk.children()[0]
    assert child.state == ChildState.CANCELLED
    desk.exchange.reopen(child.order_link_id)
    report = desk.reconciler.reconcile_account()
    assert report.called_back == (child.order_link_id,)
    assert desk.exchange.open_orders() == []
    assert "order_called_back" in desk.audit_kinds()
    assert desk.reconciler.reconcile_account().called_back == ()


def test_a_call_back_that_fails_is_made_again_and_keeps_nothing_from_being_seen(
    desk: Desk,
) -> None:
    desk.exchange.fill_share = D(0)
    desk.approve()
    desk.send(desk.child().child_id)
    desk.stream()
    child = desk.children()[0]
    desk.exchange.reopen(child.order_link_id)
    desk.exchange.cancel_faults.append((DependencyDown("refused"), False))
    assert desk.reconciler.reconcile_account().called_back == ()
    assert desk.reconciler.reconcile_account().called_back == (child.order_link_id,)
