"""An exit whose position others have closed has met its goal, however it ends."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import select

from bot.errors import ExchangeRefused
from bot.exchange.protocol import Execution
from bot.execution.orders.control import ParentControl
from bot.tca.service import costs
from bot.tca.summary import by_algorithm
from console.views.explanation import print_stored, stored_explanation
from console.views.key_metrics import key_metrics
from console.views.live.queries import recent_requests
from models.enums import (
    NOTHING_TO_REDUCE,
    ExecutionStatus,
    OrderStatus,
    ParentState,
    TradeSide,
    VenueReason,
)
from models.repositories.safety import disagreements
from models.tables import AlertRow, AuditRow, ParentOrderRow, TradeRequestRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import T0

D = Decimal
DONE = ExecutionStatus.EXECUTED_SUCCESSFULLY


@pytest.fixture
def leaving(desk: Desk) -> Desk:
    """A long position, and its exit under way in slices."""
    desk.approve("in")
    desk.send_due()
    desk.stream()
    leave(desk)
    return desk


def leave(desk: Desk, **signal: Any) -> None:
    wanted = {"reduce_only": True, "algorithm": "twap", "horizon_seconds": 30}
    wanted |= {"position_size": "5000", "interval_seconds": 5, **signal}
    assert desk.approve("out", side="sell", signal_data=wanted)["verdict"] != "deny"


def by_hand(desk: Desk, qty: Decimal) -> Execution:
    """A person sells at the exchange."""
    entry = desk.exchange.fills[0]
    execution = replace(
        entry, exec_id=f"hand-{qty}", order_id="hand", order_link_id="", side=TradeSide.SELL,
        qty=qty, executed_at=desk.clock.now(),
    )  # fmt: skip
    desk.fill_book.apply_execution(execution, desk.clock.now(), source="stream")
    return execution


def refuse(desk: Desk) -> None:
    desk.exchange.faults.append(
        (ExchangeRefused(110017, "position is zero", reason=VenueReason.NOTHING_TO_REDUCE), False)
    )
    desk.send_due()


def overdue(desk: Desk) -> None:
    desk.pass_time(3600)
    desk.reconciler.expire_overdue()


def cancelled_there(desk: Desk) -> None:
    """The venue takes a reduce-only order out when nothing is left for it."""
    desk.exchange.fill_share = D(0)
    desk.send_due()
    link_id = desk.children("out")[0].order_link_id
    order = desk.exchange.orders[link_id]
    desk.exchange.orders[link_id] = replace(
        order, status=OrderStatus.CANCELLED, reason=VenueReason.NOTHING_TO_REDUCE
    )
    desk.stream()


@pytest.mark.parametrize("end", [refuse, overdue, cancelled_there])
def test_it_ends_as_a_success_with_its_own_reason(
    leaving: Desk, end: Callable[[Desk], None]
) -> None:
    by_hand(leaving, leaving.position())
    end(leaving)
    parent = leaving.parent("out")
    assert (parent.state, parent.end_reason) == (ParentState.UNFILLED, NOTHING_TO_REDUCE)
    assert parent.released_qty == parent.approved_qty
    with leaving.db.reading() as session:
        assert session.get_one(TradeRequestRow, "out").status == DONE
    assert "exit_unfilled" not in leaving.audit_kinds()
    leaving.check_balance()


def test_a_part_that_it_sold_itself_counts_as_all_that_there_was(leaving: Desk) -> None:
    leaving.send_due()
    leaving.stream()
    by_hand(leaving, leaving.position())
    overdue(leaving)
    parent = leaving.parent("out")
    assert (parent.state, parent.end_reason) == (ParentState.PARTIAL, NOTHING_TO_REDUCE)
    assert "exit_unfilled" not in leaving.audit_kinds()
    with leaving.db.reading() as session:
        (cost,) = costs(session, request_id="out").trades
    assert (cost.qty, cost.fill_rate) == (parent.filled_qty, 1)
    assert cost.cost.opportunity == 0


def test_one_with_a_position_left_is_still_a_failure(leaving: Desk) -> None:
    by_hand(leaving, leaving.position() - D("0.001"))
    overdue(leaving)
    with leaving.db.reading() as session:
        assert session.get_one(TradeRequestRow, "out").status == ExecutionStatus.EXECUTION_FAILED
    assert leaving.audit_kinds().count("exit_unfilled") == 1


def test_a_patient_exit_that_was_worked_until_its_time_was_over_alarms_nobody(
    leaving: Desk,
) -> None:
    leaving.exchange.fill_share = D("0.5")
    leaving.send_due()
    leaving.stream()
    overdue(leaving)
    (entry,) = unfilled_exits(leaving)
    assert entry["as_asked"] is True
    assert alert_kinds(leaving) == []


def test_one_that_never_reached_the_exchange_does(leaving: Desk) -> None:
    overdue(leaving)
    (entry,) = unfilled_exits(leaving)
    assert entry["as_asked"] is False
    assert alert_kinds(leaving) == ["exit_unfilled"]


def test_so_does_one_whose_position_the_exchange_disputes(leaving: Desk) -> None:
    leaving.send_due()
    leaving.stream()
    with leaving.db.transaction() as session:
        theirs = {"BTCUSDT": (leaving.position(), leaving.position() + 1)}
        disagreements.note_positions(session, ACCOUNT, theirs, leaving.clock.now())
    overdue(leaving)
    assert alert_kinds(leaving) == ["exit_unfilled"]


def unfilled_exits(desk: Desk) -> list[dict[str, Any]]:
    with desk.db.reading() as session:
        kind = AuditRow.kind == "exit_unfilled"
        return list(session.scalars(select(AuditRow.payload).where(kind)))


def alert_kinds(desk: Desk) -> list[str]:
    with desk.db.reading() as session:
        return list(session.scalars(select(AlertRow.kind)))


def test_what_the_exchange_still_shows_is_not_gone(leaving: Desk) -> None:
    """Our books say flat, the exchange says otherwise: the alarm stays."""
    by_hand(leaving, leaving.position())
    with leaving.db.transaction() as session:
        theirs = {"BTCUSDT": (D(0), D("0.01"))}
        disagreements.note_positions(session, ACCOUNT, theirs, leaving.clock.now())
    overdue(leaving)
    assert leaving.parent("out").end_reason == "deadline passed"
    assert leaving.audit_kinds().count("exit_unfilled") == 1


def test_who_ended_it_stays_the_reason_and_nobody_is_alarmed(leaving: Desk) -> None:
    by_hand(leaving, leaving.position())
    control = ParentControl(leaving.db, leaving.clock, leaving.task_queue)
    control.cancel("out", reason="sold by hand", actor="me")
    with leaving.db.reading() as session:
        assert session.get_one(TradeRequestRow, "out").status == ExecutionStatus.CANCELLED
        reason = session.get_one(ParentOrderRow, "out").end_reason
    assert reason == "cancelled by the operator: sold by hand"
    assert "exit_unfilled" not in leaving.audit_kinds()


def test_figures_explanation_and_costs_call_it_no_failure(leaving: Desk) -> None:
    by_hand(leaving, leaving.position())
    refuse(leaving)
    with leaving.db.reading() as session:
        figures = key_metrics(session, T0)
        facts = stored_explanation(session, "out")
        found = costs(session)
        (line,) = [one for one in recent_requests(session, 10) if one.request_id == "out"]
    assert figures["execution"]["success_rate"] == 1
    assert figures["risk_system"]["requests_failed"] == 0
    text = StringIO()
    print_stored(Console(file=text, width=200), facts)
    assert f"because {NOTHING_TO_REDUCE}" in text.getvalue()
    assert line.standing == f"{DONE}: {NOTHING_TO_REDUCE}"
    (cost,) = [one for one in found.trades if one.request_id == "out"]
    assert (cost.cost.total, cost.is_void) == (0, True)
    assert [group.trades for group in by_algorithm(found.trades)] == [1], "the entry alone"
