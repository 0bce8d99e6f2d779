"""Orders in our name that no row explains: seen, held against entries, and called back."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, select

from bot.account.reservations import rebuild
from bot.errors import DependencyDown
from bot.exchange.protocol import ExchangeOrder
from bot.execution.orders.identity import order_link_id
from bot.safety.monitor import Monitor
from bot.safety.recovery.resetting import Recovery
from models.enums import OrderStatus, TradeSide
from models.tables import AuditRow, ChildOrderRow, ForeignOrderRow
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

D = Decimal
ICEBERG = {"position_size": "3000", "algorithm": "iceberg", "horizon_seconds": 600}


def orphan(desk: Desk, name: str = "lost", *, reduce_only: bool = False, age: float = 60) -> str:
    """As after a backup was restored: the exchange has what the database doesn't."""
    link = order_link_id(ACCOUNT, name, 0, 0)
    order = desk.exchange.somebody_elses(
        link,
        side=TradeSide.BUY,
        qty=D("0.01"),
        price=D(60000),
        status=OrderStatus.OPEN,
        age=timedelta(seconds=age),
    )
    desk.exchange.orders[link] = replace(order, reduce_only=reduce_only)
    return link


def reconcile(desk: Desk, monitor: Monitor) -> tuple[str, ...]:
    report = desk.reconciler.reconcile_account()
    monitor.judge_reconciliation(report)
    return report.called_back


def resting(desk: Desk) -> list[str]:
    return [order.order_link_id for order in desk.exchange.open_orders()]


def known_orphans(desk: Desk) -> list[str | None]:
    with desk.db.reading() as session:
        return list(session.scalars(select(ForeignOrderRow.orphan_link_id)))


def reports(desk: Desk) -> list[list[str]]:
    with desk.db.reading() as session:
        entries = session.scalars(
            select(AuditRow).where(AuditRow.kind == "orders_without_child").order_by(AuditRow.seq)
        ).all()
        return [entry.payload["orders"] for entry in entries]


def test_an_order_whose_row_is_lost_is_called_back(desk: Desk, monitor: Monitor) -> None:
    desk.approve(signal_data=ICEBERG)
    desk.step()
    (link,) = resting(desk)
    with desk.db.transaction() as session:
        session.execute(delete(ChildOrderRow))
    desk.pass_time(60)
    assert reconcile(desk, monitor) == (link,)
    assert resting(desk) == []
    assert "orphan_called_back" in desk.audit_kinds()
    assert reconcile(desk, monitor) == ()
    assert known_orphans(desk) == []


def test_it_is_reported_once_and_again_when_another_one_comes(desk: Desk, monitor: Monitor) -> None:
    """Whoever looks, in whatever process: what was told is a row."""
    first = orphan(desk, "one", reduce_only=True)
    for _ in range(3):
        reconcile(desk, replace(monitor))
        rebuild(desk.db, ACCOUNT, desk.clock, desk.exchange)
    assert reports(desk) == [[first]]
    second = orphan(desk, "two", reduce_only=True)
    for _ in range(3):
        reconcile(desk, replace(monitor))
        rebuild(desk.db, ACCOUNT, desk.clock, desk.exchange)
    assert reports(desk) == [[first], sorted([first, second])]
    assert "foreign_orders" not in desk.audit_kinds(), "it is nobody else's"


def test_it_stops_entries_until_a_person_has_looked(
    desk: Desk, monitor: Monitor, recovery: Recovery
) -> None:
    desk.approve("held")
    desk.send_due()
    desk.stream()
    link = orphan(desk)
    reconcile(desk, monitor)
    assert desk.approve("entry")["verdict"] == "deny"
    exit_ = {"position_size": "1000", "reduce_only": True}
    assert desk.approve("exit", side="sell", signal_data=exit_)["verdict"] == "allow"
    reconcile(desk, monitor)
    kind = "data_quality_issue"
    report = recovery.reset(kind, reason="restored a backup", actor="test", authorised=True)
    assert report.was_tripped
    reconcile(desk, monitor)
    assert desk.approve("later")["verdict"] == "allow"
    assert link not in resting(desk)


def test_a_young_one_is_seen_at_once_and_called_back_at_a_later_look(
    desk: Desk, monitor: Monitor
) -> None:
    link = orphan(desk, age=0)
    assert reconcile(desk, monitor) == ()
    assert known_orphans(desk) == [link]
    assert desk.approve("entry")["verdict"] == "deny"
    desk.pass_time(40)
    assert reconcile(desk, monitor) == (link,)


def test_one_that_only_reduces_is_left_to_a_person(desk: Desk, monitor: Monitor) -> None:
    link = orphan(desk, reduce_only=True)
    assert reconcile(desk, monitor) == ()
    assert resting(desk) == [link]
    assert known_orphans(desk) == [link]
    assert desk.approve("entry")["verdict"] == "allow"


def test_a_cancel_that_fails_is_made_again_and_keeps_nothing_from_being_seen(
    desk: Desk, monitor: Monitor
) -> None:
    first, second = orphan(desk, "one"), orphan(desk, "two")
    desk.exchange.cancel_faults.append((DependencyDown("refused"), False))
    assert reconcile(desk, monitor) == (second,)
    assert reconcile(desk, monitor) == (first,)


def test_an_order_that_only_begins_like_ours_is_somebody_else_s(
    desk: Desk, monitor: Monitor
) -> None:
    rules = replace(desk.limits.limits().working, foreign_orders_stop_entries=False)
    desk.limits.change(working=rules)
    for link in ("mr-by-hand", "by-hand"):
        desk.exchange.somebody_elses(link, side=TradeSide.BUY, qty=D(1), status=OrderStatus.OPEN)
    desk.pass_time(60)
    assert reconcile(desk, monitor) == ()
    assert known_orphans(desk) == [None, None]
    assert desk.approve("entry")["verdict"] == "allow"


@pytest.mark.parametrize("stop_exits", [False, True])
def test_a_halt_calls_it_back_whatever_its_age(desk: Desk, stop_exits: bool) -> None:
    adds, reduces = orphan(desk, "adds", age=0), orphan(desk, "reduces", reduce_only=True)
    report = desk.trading_halt.halt(reason="test", actor="me", cancel=True, stop_exits=stop_exits)
    assert report.orders_cancelled == (2 if stop_exits else 1)
    assert adds not in resting(desk)
    assert resting(desk) == ([] if stop_exits else [reduces])


def test_an_order_that_was_read_before_it_ended_is_not_cancelled(desk: Desk) -> None:
    link = orphan(desk)
    stale: list[ExchangeOrder] = list(desk.exchange.open_orders())
    desk.exchange.fill(link)
    desk.exchange.open_orders = lambda: stale  # type: ignore[method-assign]
    assert desk.reconciler.reconcile_account().called_back == ()
    assert desk.exchange.cancel_requests == []
