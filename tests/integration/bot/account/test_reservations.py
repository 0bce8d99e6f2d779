"""Reservations rebuilt from what can still fill, on real Postgres; and the cap under contention."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import delete, select, update

from bot.account.reservations import ReservationReport, rebuild
from models.enums import ChildState, OrderStatus, ReservationState
from models.tables import AuditRow, ChildOrderRow, ReservationRow
from tests.support import reserving
from tests.support.desk import ACCOUNT, Desk
from tests.support.reserving import CAP

D = Decimal


def run(desk: Desk, *, ask: bool = True) -> ReservationReport:
    return rebuild(desk.db, ACCOUNT, desk.clock, desk.exchange if ask else None)


def change(desk: Desk, **values: object) -> None:
    with desk.db.transaction() as session:
        session.execute(update(ReservationRow).values(**values))


def test_a_sound_book_is_left_alone(desk: Desk) -> None:
    desk.approve("r-1")
    desk.send_due()
    desk.stream()
    desk.approve_twap("r-2")
    desk.approve("r-3", ml_predictions={"confidence": 0.1})
    report = run(desk)
    assert (report.checked, report.differences) == (1, ())
    assert "reservation_repaired" not in desk.audit_kinds()


def test_a_lost_reservation_is_made_again_in_full(desk: Desk) -> None:
    desk.approve_twap()
    with desk.db.transaction() as session:
        session.execute(delete(ReservationRow))
    (difference,) = run(desk, ask=False).differences
    assert (difference.held, difference.needed, difference.repaired) == (
        None,
        desk.parent().approved_qty,
        True,
    )
    desk.check_balance()
    assert run(desk, ask=False).differences == ()


def test_a_reservation_that_is_too_small_is_raised_even_without_the_exchange(desk: Desk) -> None:
    desk.approve_twap()
    change(desk, open_qty=D("0.001"))
    assert run(desk, ask=False).differences[0].repaired
    desk.check_balance()


def test_a_released_reservation_of_a_running_trade_is_held_again(desk: Desk) -> None:
    desk.approve_twap()
    change(desk, open_qty=D(0), state=ReservationState.RELEASED, released_at=desk.clock.now())
    run(desk, ask=False)
    assert desk.reservation().state == ReservationState.HELD
    assert desk.reservation().released_at is None
    desk.check_balance()


def test_one_that_is_too_large_is_lowered_only_when_the_exchange_was_asked(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    filled = desk.parent().approved_qty
    change(desk, open_qty=filled, state=ReservationState.HELD)
    (unrepaired,) = run(desk, ask=False).differences
    assert not unrepaired.repaired
    assert desk.reservation().open_qty == filled
    (repaired,) = run(desk).differences
    assert (repaired.held, repaired.needed, repaired.repaired) == (filled, 0, True)
    assert desk.reservation().state == ReservationState.RELEASED
    desk.check_balance()


def test_what_rests_unseen_at_the_exchange_keeps_its_place(desk: Desk) -> None:
    """A child given up here whose order turns up there: it may fill, so it is held."""
    desk.approve()
    child = desk.child()
    desk.send(child.child_id)
    order = desk.exchange.orders[child.order_link_id]
    desk.exchange.orders[child.order_link_id] = replace(
        order, status=OrderStatus.OPEN, filled_qty=D("0.010")
    )
    desk.clock.move_to(desk.parent().deadline_at)
    with desk.db.transaction() as session:
        session.execute(
            update(ChildOrderRow).values(state=ChildState.PLANNED, posts=1, exchange_order_id=None)
        )
    desk.reconciler.expire_overdue()
    assert desk.reservation().state == ReservationState.RELEASED
    (difference,) = run(desk).differences
    assert difference.needed == child.qty - D("0.010")
    assert desk.reservation().state == ReservationState.HELD
    assert desk.reservation().open_qty == difference.needed
    assert run(desk).differences == ()


def test_an_order_of_ours_without_a_child_is_not_touched_and_told_by_the_monitor(
    desk: Desk,
) -> None:
    """It was told here as well, every 20 s."""
    desk.approve()
    desk.send(desk.child().child_id)
    desk.stream()
    (order,) = desk.exchange.orders.values()
    lost = replace(order, order_link_id="mr-lost", status=OrderStatus.OPEN)
    desk.exchange.orders["mr-lost"] = lost
    told = desk.audit_kinds()
    assert run(desk).differences == ()
    assert desk.audit_kinds() == told
    assert desk.exchange.cancel_requests == []


def test_repairs_are_recorded_with_what_was_held_and_needed(desk: Desk) -> None:
    desk.approve_twap()
    change(desk, open_qty=D("0.001"))
    run(desk)
    with desk.db.reading() as session:
        entry = session.scalars(
            select(AuditRow).where(AuditRow.kind == "reservation_repaired")
        ).one()
    approved = format(desk.parent().approved_qty, "f")
    assert (entry.chain, entry.subject) == (ACCOUNT, "r-1")
    assert D(entry.payload["held"]) == D("0.001")
    assert entry.payload["needed"] == approved


def test_a_repaired_reservation_counts_in_the_next_decision(desk: Desk) -> None:
    desk.limits.change(max_gross_exposure_share=D("0.045"), max_net_exposure_share=D(1))
    desk.approve_twap("r-1", size="3000")
    with desk.db.transaction() as session:
        session.execute(delete(ReservationRow))
    run(desk)
    assert desk.approve("r-2")["verdict"] == "deny"


@pytest.mark.parametrize(
    ("gate", "each"), [(True, 15), pytest.param(False, 80, marks=pytest.mark.long)]
)
def test_eight_processes_never_exceed_the_cap_and_lose_or_double_nothing(
    migrated_url: str, gate: bool, each: int
) -> None:
    """`python -m benchmarks.reservations` is the same with 8 x 10,000."""
    result = reserving.run(migrated_url, processes=8, each=each, gate=gate)
    assert result.errors == ()
    assert result.asked == 8 * each
    assert result.released > 0
    assert CAP * D("0.8") < result.highest_total <= CAP
    assert result.held_at_end == result.expected_at_end


def test_a_trade_that_filled_while_the_exchange_was_asked_is_not_held_again(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    child = desk.child()
    with desk.db.transaction() as session:
        # Ended by its fills alone: no order record has said so yet.
        session.execute(update(ChildOrderRow).values(exchange_status=None))
    stale = replace(
        desk.exchange.orders[child.order_link_id], status=OrderStatus.OPEN, filled_qty=D(0)
    )
    desk.exchange.orders[child.order_link_id] = stale
    assert run(desk).differences == ()
