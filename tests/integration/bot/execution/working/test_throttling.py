"""Risk changes the pace of what is under way, each change is recorded; tightened limits cut."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text

from models.documents.orders import ThrottleKind
from models.documents.stored_form import to_json
from models.enums import ChildState, ParentState
from models.tables import AuditRow
from tests.support.desk import Desk
from tests.support.statements import statements

D = Decimal


def changes(desk: Desk, kind: str = "pace_changed") -> list[dict[str, object]]:
    with desk.db.reading() as session:
        return list(
            session.scalars(
                select(AuditRow.payload).where(AuditRow.kind == kind).order_by(AuditRow.seq)
            )
        )


def test_a_calm_market_changes_nothing_and_locks_nothing(desk: Desk) -> None:
    desk.approve_twap()
    assert desk.throttling.tick() == 0
    assert desk.parent().pace is None


def test_a_volatile_market_stretches_the_time_between_slices_and_says_why(desk: Desk) -> None:
    desk.approve_twap()
    desk.send_due()
    desk.stream()
    desk.market.volatility = 0.04
    assert desk.throttling.tick() == 1
    (change,) = changes(desk)
    assert (change["to"], change["value"], change["limit"]) == ("slow", "2", "1.5")
    desk.pass_time(5)
    desk.send_due()
    assert desk.exchange.posts == 1, "at half speed the second slice waits for 10 s"
    desk.pass_time(5)
    desk.send_due()
    assert desk.exchange.posts == 2
    desk.check_balance()


def test_a_wild_market_pauses_and_the_schedule_goes_on_to_its_deadline_after_it(
    desk: Desk,
) -> None:
    desk.approve_twap()
    desk.market.volatility = 0.06
    desk.throttling.tick()
    for _ in range(3):
        desk.send_due()
        desk.pass_time(5)
    assert desk.exchange.posts == 0
    desk.market.volatility = 0.02
    desk.throttling.tick()
    for _ in range(20):
        desk.send_due()
        desk.stream()
        desk.pass_time(1)
        desk.check_balance()
    desk.reconciler.expire_overdue()
    parent = desk.parent()
    assert parent.finished_at is not None
    assert parent.filled_qty > 0
    last = max(c.sent_at for c in desk.children() if c.sent_at is not None)
    assert last <= parent.deadline_at
    assert [c["to"] for c in changes(desk)] == ["pause", "normal"]


def test_late_slices_go_out_at_most_three_in_one_interval(desk: Desk) -> None:
    desk.approve_twap()
    desk.pass_time(21)  # slots 0 to 15 s are late, that of 20 s is on its time
    desk.send_due()
    assert desk.exchange.posts == 3
    assert "child_held" in desk.audit_kinds()
    desk.stream()
    desk.pass_time(5)
    desk.send_due()
    desk.stream()
    assert desk.exchange.posts == 6
    assert desk.parent().state == ParentState.COMPLETED


def test_late_slices_stay_within_their_share_of_a_thin_market(desk: Desk) -> None:
    desk.market.traded_per_second = D("0.001")
    desk.approve_twap()
    desk.pass_time(22)
    desk.send_due()
    assert desk.exchange.posts == 1, "one slice an interval; the share of the volume is used up"


def test_a_thin_book_shrinks_the_slices_and_keeps_the_rest_for_later(desk: Desk) -> None:
    desk.approve_twap(size="6000")
    desk.market.ask_depth = D(10_000)
    desk.throttling.tick()
    assert changes(desk)[0]["to"] == "shrink"
    assert desk.children()[0].qty == D("0.015")
    desk.send_due()
    assert D(str(desk.exchange.accepted[0]["qty"])) == D("0.007")
    desk.stream()
    desk.check_balance()


def test_an_exit_is_hurried_where_an_entry_would_be_paused(desk: Desk) -> None:
    desk.approve("open", signal_data={"position_size": "3000", "algorithm": "immediate"})
    desk.send_due()
    desk.stream()
    exit_signal = {
        "position_size": "3000",
        "algorithm": "twap",
        "horizon_seconds": 30,
        "interval_seconds": 5,
        "reduce_only": True,
    }
    assert desk.approve("exit", side="sell", signal_data=exit_signal)["verdict"] != "deny"
    desk.market.volatility = 0.06
    desk.throttling.tick()
    assert changes(desk)[-1]["to"] == "hurry"
    last = desk.children("exit")[-1]
    assert last.due_at - desk.clock.now() == (last.planned_at - desk.clock.now()) / 2
    for _ in range(16):
        desk.send_due()
        desk.stream()
        desk.pass_time(1)
    assert desk.parent("exit").state == ParentState.COMPLETED
    desk.check_balance()


def test_a_plan_that_cancels_on_risk_ends_where_others_are_slowed(desk: Desk) -> None:
    signal = {
        "position_size": "3000",
        "algorithm": "twap",
        "horizon_seconds": 30,
        "interval_seconds": 5,
        "backup_plan": ["reduce_size", "market_order_fallback", "cancel_on_risk_increase"],
    }
    desk.approve(signal_data=signal)
    desk.send_due()
    desk.stream()
    desk.market.volatility = 0.04
    desk.throttling.tick()
    parent = desk.parent()
    assert parent.state == ParentState.PARTIAL
    assert parent.end_reason is not None and parent.end_reason.startswith("risk increased: slow")
    desk.check_balance()


def test_a_paused_stepped_parent_calls_its_resting_orders_back(desk: Desk) -> None:
    desk.approve(
        signal_data={"position_size": "3000", "algorithm": "passive", "horizon_seconds": 60}
    )
    desk.step()
    desk.stream()
    assert len(desk.exchange.open_orders()) == 1
    desk.market.volatility = 0.06
    desk.throttling.tick()
    desk.step()
    desk.stream()
    assert desk.exchange.open_orders() == []
    desk.market.volatility = 0.02
    desk.pass_time(6)
    desk.throttling.tick()
    desk.step()
    assert len(desk.exchange.open_orders()) == 1
    desk.check_balance()


@pytest.mark.parametrize(
    "work",
    [
        {"algorithm": "passive"},
        {"algorithm": "iceberg", "display_size": "1000"},
        {"algorithm": "pov", "participation_rate": 0.0005, "min_participation_rate": 0.0001},
        {"algorithm": "vwap", "volume_model": "learned", "interval_seconds": 10},
    ],
    ids=lambda work: work["algorithm"],
)
def test_a_stepped_parent_that_is_paused_to_its_deadline_ends_there(
    desk: Desk, work: dict[str, Any]
) -> None:
    desk.approve(signal_data={"position_size": "3000", "horizon_seconds": 60, **work})
    desk.step()
    desk.stream()
    desk.market.volatility = 0.06
    desk.throttling.tick()
    desk.step()
    desk.stream()
    assert desk.exchange.open_orders() == []
    desk.pass_time(61)
    desk.step()
    parent = desk.parent()
    assert ParentState(parent.state).is_final
    assert parent.end_reason == "deadline"
    desk.check_balance()


def test_a_tightened_position_limit_cuts_what_is_under_way(desk: Desk) -> None:
    desk.approve_twap(size="6000")
    desk.send_due()
    desk.stream()
    desk.throttling.tick()
    before = desk.parent()
    desk.limits.change(max_position_share=D("0.03"))  # 3,000 of 100,000
    assert desk.throttling.tick() == 1
    parent = desk.parent()
    assert parent.released_qty > 0
    left = parent.approved_qty - parent.released_qty
    assert left * parent.reference_price <= 3000 + before.filled_qty * D(1)
    (cut,) = changes(desk, "parent_cut")
    assert str(cut["why"]).startswith("position_size")
    desk.check_balance()
    assert desk.throttling.tick() == 0, "what fits is not cut again"


def test_a_tightened_limit_cuts_a_stepped_parent_too(desk: Desk) -> None:
    desk.approve(
        signal_data={
            "position_size": "6000",
            "algorithm": "iceberg",
            "display_size": "500",
            "horizon_seconds": 60,
        }
    )
    desk.step()
    desk.throttling.tick()
    desk.limits.change(max_position_share=D("0.03"))
    assert desk.throttling.tick() == 1
    parent = desk.parent()
    assert (parent.approved_qty - parent.released_qty) * parent.reference_price <= 3000
    desk.check_balance()


def test_what_another_version_asked_for_does_not_go_on_under_tighter_limits(desk: Desk) -> None:
    """And it keeps nobody else from being judged."""
    desk.approve_twap("r-1", size="6000")
    desk.approve_twap("r-2", size="6000")
    with desk.db.transaction() as session:
        session.execute(
            text(
                "UPDATE decision SET intent = jsonb_set(intent::jsonb, '{novel}', '1')"
                " WHERE request_id = 'r-1'"
            )
        )
    desk.limits.change(max_position_share=D("0.03"))
    assert desk.throttling.tick() == 2
    assert desk.parent("r-1").state == ParentState.UNFILLED
    assert desk.parent("r-2").released_qty > 0
    assert "is no longer readable" in str(changes(desk, "parent_cut")[0]["why"])
    desk.check_balance()


def test_a_tightened_slippage_limit_moves_the_price_limit_and_a_loosened_one_does_not(
    desk: Desk,
) -> None:
    desk.approve_twap()
    desk.throttling.tick()
    before = desk.parent().price_limit
    desk.limits.change(max_slippage_bps=5.0)
    desk.throttling.tick()
    tightened = desk.parent().price_limit
    assert tightened < before
    desk.limits.change(max_slippage_bps=100.0)
    desk.throttling.tick()
    assert desk.parent().price_limit == tightened


def test_children_wait_while_the_market_is_beyond_the_limit(desk: Desk) -> None:
    desk.approve_twap()
    desk.market.touch = desk.market.touch * D("1.02")
    desk.exchange.touch = desk.market.touch
    desk.send_due()
    assert desk.exchange.posts == 0
    assert desk.children()[0].state == ChildState.PLANNED
    assert (desk.children()[0].note or "").startswith("the market is beyond the limit")
    desk.market.touch = desk.parent().reference_price
    desk.pass_time(1)
    desk.send_due()
    assert desk.exchange.posts == 1


def test_a_child_without_budget_waits_for_its_place(desk: Desk) -> None:
    desk.approve()
    desk.rate_limiter.wait_seconds = 0.4
    desk.send_due()
    assert desk.exchange.posts == 0
    assert desk.children()[0].due_at == desk.clock.now() + timedelta(seconds=0.4)
    desk.rate_limiter.wait_seconds = 0.0
    desk.pass_time(0.4)
    desk.send_due()
    assert desk.exchange.posts == 1


def test_an_emergency_exit_goes_first_and_through_its_own_queue(desk: Desk) -> None:
    desk.approve("open", signal_data={"position_size": "3000", "algorithm": "immediate"})
    desk.send_due()
    desk.stream()
    exit_signal = {"position_size": "3000", "algorithm": "immediate", "reduce_only": True}
    desk.approve("exit", side="sell", priority="emergency", signal_data=exit_signal)
    (exit_child,) = desk.children("exit")
    assert desk.task_queue.urgent == [exit_child.child_id]
    desk.approve_twap("adding")
    first = desk.children("adding")[0]
    desk.send(first.child_id)
    assert desk.children("adding")[0].state == ChildState.PLANNED, "the exit goes first"
    desk.send(exit_child.child_id)
    desk.stream()
    desk.pass_time(1)
    desk.send(first.child_id)
    assert desk.children("adding")[0].state != ChildState.PLANNED


def test_calm_parents_cost_one_statement_together_and_no_lock(desk: Desk) -> None:
    desk.approve_twap("r-1")
    desk.throttling.tick()
    with statements(desk.db) as alone:
        assert desk.throttling.tick() == 0
    for number in range(2, 5):
        assert desk.approve_twap(f"r-{number}", size="100")["verdict"] == "allow"
    desk.throttling.tick()
    with statements(desk.db) as together:
        assert desk.throttling.tick() == 0
    assert together == alone
    assert not [said for said in together if "FOR UPDATE" in said]


def test_a_pace_that_cannot_be_read_keeps_no_other_parent_from_its_own(desk: Desk) -> None:
    for number in (1, 2):
        desk.approve_twap(f"r-{number}", size="500")
    with desk.db.transaction() as session:
        session.execute(
            text("""UPDATE parent_order SET pace = '{"kind": "odd"}' WHERE request_id = 'r-1'""")
        )
    desk.market.volatility = 0.04
    assert desk.throttling.tick() == 1
    odd, other = desk.parent("r-1").pace, desk.parent("r-2").pace
    assert to_json(odd) == {"kind": "odd"}
    assert other is not None and other.kind is ThrottleKind.SLOW
