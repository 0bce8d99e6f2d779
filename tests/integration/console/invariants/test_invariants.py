"""Each invariant names the state that breaks it, and says nothing of a true history."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from bot.safety.halt import TradingHalt
from models.enums import ChildState
from models.repositories import portfolio
from models.repositories.portfolio import ReportedPosition
from models.tables import (
    AuditRow,
    Base,
    ChildOrderRow,
    DecisionRow,
    FillRow,
    ParentOrderRow,
    PositionRow,
    ReservationRow,
    StrategyShareRow,
    TradeRequestRow,
)
from tests.support.scene import Scene

pytestmark = pytest.mark.services
D = Decimal
PASSIVE = {"algorithm": "passive", "horizon_seconds": 300}
FORCED = {"verdict": "allow", "approved_qty": D("0.1"), "approved_notional": D("3000")}
"""What somebody writes over a denial."""
TWO_SLICES = {"algorithm": "twap", "horizon_seconds": 200, "interval_seconds": 100}


@contextmanager
def broken(scene: Scene) -> Iterator[Session]:
    """A transaction in which constraints between rows are not looked at."""
    with scene.db.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        yield session


def change(scene: Scene, table: type[Base], where: Any, **values: Any) -> None:
    with broken(scene) as session:
        session.execute(update(table).where(where).values(**values))


def only(violated: dict[str, tuple[str, ...]], name: str) -> str:
    """The one text that an invariant has, whatever the others say."""
    assert name in violated, violated
    return "; ".join(violated[name])


def test_a_true_history_breaks_nothing(scene: Scene) -> None:
    scene.trade("r-1")
    scene.trade("r-2", side="sell")
    assert scene.decide("r-3", predictions={"confidence": 0.1})["verdict"] == "deny"
    assert scene.violated() == {}


def test_a_partly_filled_order_whose_rest_is_tried_again_breaks_nothing(scene: Scene) -> None:
    scene.decide("r-1")
    child = scene.children("r-1")[0]
    scene.accept(child)
    scene.fill(child, D("0.03"))
    successor = scene.children("r-1")[1]
    assert (successor.attempt, successor.qty) == (1, D("0.07"))
    scene.advance(1)
    scene.accept(successor)
    scene.fill(successor)
    assert scene.parent("r-1").state == "completed"
    assert scene.violated() == {}


# I1


def test_i1_names_an_order_without_a_child(scene: Scene) -> None:
    child = scene.trade("r-1")
    scene.journal[0]["orderLinkId"] = "mr-nobodyknowsme"
    text_ = only(scene.violated(), "I1")
    assert "mr-nobodyknowsme at the exchange has no child order" in text_
    assert child.order_link_id not in text_


def test_i1_names_an_order_of_a_denied_request(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, DecisionRow, DecisionRow.request_id == "r-1", verdict="deny")
    assert "request r-1 was decided deny" in only(scene.violated(), "I1")


def test_i1_names_an_order_of_a_request_that_was_never_decided(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        session.execute(delete(DecisionRow))
    assert "request r-1 has no decision" in only(scene.violated(), "I1")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("symbol", "ETHUSDT", "symbol ETHUSDT at the exchange, BTCUSDT in its child"),
        ("side", "Sell", "side sell at the exchange, buy in its child"),
        ("qty", "0.05", "quantity 0.05 at the exchange"),
        ("qty", "7", "7 is more than the approved 0.1"),
        ("reduceOnly", True, "reduce-only True at the exchange, False in its child"),
    ],
)
def test_i1_names_an_order_other_than_approved(
    scene: Scene, field: str, value: Any, words: str
) -> None:
    scene.trade("r-1")
    scene.journal[0][field] = value
    assert words in only(scene.violated(), "I1")


def test_i1_names_an_order_that_came_before_its_decision(scene: Scene) -> None:
    scene.trade("r-1")
    scene.journal[0]["t"] -= 60_000
    assert "reached the exchange before its decision" in only(scene.violated(), "I1")


# I2


def test_i2_names_an_order_id_that_was_accepted_twice(scene: Scene) -> None:
    child = scene.trade("r-1")
    scene.journal.append({**scene.journal[0], "orderId": "ex-second"})
    text_ = only(scene.violated(), "I2")
    assert f"order id {child.order_link_id} was accepted 2 times" in text_
    assert "child r-1 slot 0 attempt 0 has 2 orders at the exchange" in text_


def test_i2_names_a_child_whose_id_is_not_its_own(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, ChildOrderRow, ChildOrderRow.slot == 0, order_link_id="mr-random")
    assert "id mr-random isn't its own" in only(scene.violated(), "I2")


def test_i2_names_a_child_that_believes_in_another_order(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, ChildOrderRow, ChildOrderRow.slot == 0, exchange_order_id="ex-other")
    assert "exchange id ex-other is stored, its record has another" in only(scene.violated(), "I2")


# I3


def test_i3_names_a_parent_whose_parts_do_not_add_up(scene: Scene) -> None:
    scene.decide("r-1")
    change(scene, ReservationRow, ReservationRow.request_id == "r-1", open_qty=D("0.04"))
    assert "filled 0 + released 0 + open 0.04 is not the approved 0.1" in only(
        scene.violated(after_seconds=1), "I3"
    )


def test_i3_names_a_parent_over_more_than_was_approved(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, ParentOrderRow, ParentOrderRow.request_id == "r-1", approved_qty=D("0.2"))
    assert "approved 0.2, but decision over 0.1" in only(scene.violated(), "I3")


def test_i3_names_fills_beyond_the_approved_at_the_exchange(scene: Scene) -> None:
    child = scene.trade("r-1")
    scene.record_fill(child, "exec-more", D("0.001"), scene.clock.now())
    text_ = only(scene.violated(), "I3")
    assert "the exchange filled 0.101 of 0.1 approved" in text_


def test_i3_names_a_fill_that_the_exchange_never_made(scene: Scene) -> None:
    scene.trade("r-1")
    scene.journal = [record for record in scene.journal if record["kind"] != "fill"]
    assert "0.1 filled, the exchange's record has 0" in only(scene.violated(), "I3")


def test_i3_names_a_child_whose_fills_are_not_its_own_sum(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        session.execute(delete(FillRow))
    text_ = only(scene.violated(), "I3")
    assert "0.1 filled, its fills are 0" in text_
    assert "position BTCUSDT of paper: 0.1 stored, 0 by fills" in text_


def test_i3_names_a_position_that_fills_do_not_explain(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, PositionRow, PositionRow.symbol == "BTCUSDT", qty=D("0.3"))
    assert "position BTCUSDT of paper: 0.3 stored, 0.1 by fills" in only(scene.violated(), "I3")


def test_i3_names_a_share_that_its_strategys_fills_do_not_explain(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, StrategyShareRow, StrategyShareRow.symbol == "BTCUSDT", filled_qty=D("0.3"))
    text_ = only(scene.violated(), "I3")
    assert "in BTCUSDT of paper: 0.3 stored, 0.1 by fills" in text_
    change(scene, StrategyShareRow, StrategyShareRow.symbol == "BTCUSDT", taken_qty=D("-0.1"))
    assert "-0.1 was taken from one and given to no other" in only(scene.violated(), "I3")


def test_i3_lets_a_young_fill_be_on_its_way_but_no_old_one(scene: Scene) -> None:
    scene.decide("r-1")
    child = scene.children("r-1")[0]
    scene.accept(child)
    scene.record_fill(child, "exec-unseen", D("0.03"), scene.clock.now())
    assert "I3" not in scene.violated(after_seconds=1)
    assert "0 filled, the exchange's record has 0.03" in only(
        scene.violated(after_seconds=20), "I3"
    )


def _resting(scene: Scene) -> ChildOrderRow:
    """An order of half its parent that the exchange has shown to rest."""
    scene.decide("r-1", signal=PASSIVE)
    child = scene.rest("r-1")
    scene.accept(child)
    change(scene, ChildOrderRow, ChildOrderRow.child_id == child.child_id, state=ChildState.WORKING)
    return child


def test_i3_names_children_that_hold_more_than_is_open(scene: Scene) -> None:
    child = _resting(scene)
    assert "I3" not in scene.violated(after_seconds=1)
    change(scene, ChildOrderRow, ChildOrderRow.child_id == child.child_id, qty=D("0.11"))
    assert "parent r-1: its children hold 0.11, open is 0.1" in only(
        scene.violated(after_seconds=1), "I3"
    )


def test_i3_names_a_part_of_a_planned_schedule_that_no_child_holds(scene: Scene) -> None:
    scene.decide("r-1", signal=TWO_SLICES)
    change(scene, ChildOrderRow, ChildOrderRow.slot == 1, state="cancelled")
    assert "parent r-1: its children hold 0.05, open is 0.1" in only(
        scene.violated(after_seconds=1), "I3"
    )


# I4


def _halt(scene: Scene) -> None:
    report = TradingHalt(scene.db, scene.clock).halt(reason="test", actor="tester")
    assert report.sealed_at == scene.clock.now()


def test_i4_names_an_order_accepted_after_the_seal(scene: Scene) -> None:
    child = scene.trade("r-1")
    scene.advance(1)
    _halt(scene)
    assert scene.violated() == {}
    scene.journal[0]["t"] += 5_000
    assert (
        f"order {child.order_link_id} was accepted at 2025-06-01T12:00:05.015Z, "
        "global:* was sealed at 2025-06-01T12:00:01.060Z"
    ) in only(scene.violated(), "I4")


def test_i4_remembers_a_halt_that_was_lifted(scene: Scene) -> None:
    scene.trade("r-1")
    scene.advance(1)
    _halt(scene)
    scene.advance(10)
    TradingHalt(scene.db, scene.clock).resume(reason="over", actor="tester", development=True)
    scene.advance(1)
    scene.trade("r-2")
    assert scene.violated() == {}
    scene.journal[0]["t"] += 5_000
    assert "global:* was sealed" in only(scene.violated(), "I4")


def test_i4_lets_reducing_orders_pass(scene: Scene) -> None:
    scene.trade("r-1")
    scene.advance(1)
    _halt(scene)
    scene.journal[0]["t"] += 5_000
    scene.journal[0]["reduceOnly"] = True
    assert "I4" not in scene.violated()


def test_i4_needs_no_audit_entry_to_see_a_seal(scene: Scene) -> None:
    scene.trade("r-1")
    scene.advance(1)
    _halt(scene)
    scene.journal[0]["t"] += 5_000
    with broken(scene) as session:
        session.execute(delete(AuditRow).where(AuditRow.kind == "halt_sealed"))
    assert "global:* was sealed" in only(scene.violated(), "I4")


# I5


def test_i5_names_a_reservation_that_was_lost(scene: Scene) -> None:
    scene.decide("r-1")
    with broken(scene) as session:
        session.execute(delete(ReservationRow))
    assert "reservation r-1 is missing" in only(scene.violated(after_seconds=1), "I5")


def test_i5_names_a_reservation_that_its_parent_does_not_explain(scene: Scene) -> None:
    scene.decide("r-1")
    change(scene, ReservationRow, ReservationRow.request_id == "r-1", open_qty=D("0.02"))
    assert "held with 0.02, its parent may still fill 0.1" in only(
        scene.violated(after_seconds=1), "I5"
    )


def test_i5_names_a_reservation_that_is_held_for_ever(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, ReservationRow, ReservationRow.request_id == "r-1", state="held")
    assert "reservation r-1 is held though its parent is completed" in only(scene.violated(), "I5")


def test_i5_names_an_approval_beyond_the_position_limit(scene: Scene) -> None:
    """Two trades of 6 % each: the second was let through as if the first were not there."""
    scene.trade("r-1", signal={"position_size": "6000"})
    scene.advance(2)
    scene.trade("r-2", signal={"position_size": "3000"})
    assert scene.violated() == {}
    change(
        scene,
        DecisionRow,
        DecisionRow.request_id == "r-2",
        approved_qty=D("0.2"),
        approved_notional=D("6000"),
    )
    assert "decision r-2: position of 12000" in only(scene.violated(), "I5")


def test_i5_counts_what_earlier_trades_may_still_fill(scene: Scene) -> None:
    """The first trade is still open when the second is approved: a race past the reservation."""
    scene.decide("r-1", signal={"position_size": "6000"})
    scene.advance(2)
    scene.decide("r-2", signal={"position_size": "3000"})
    assert "I5" not in scene.violated(after_seconds=1)
    change(scene, DecisionRow, DecisionRow.request_id == "r-2", approved_qty=D("0.2"))
    assert "decision r-2: position of 12000" in only(scene.violated(after_seconds=1), "I5")


def test_i5_counts_what_a_stepped_trade_may_still_fill_after_a_child_has_ended(
    scene: Scene,
) -> None:
    """The whole of the first trade is still to come: a called back child released nothing."""
    scene.decide("r-1", signal={"position_size": "6000", **PASSIVE})
    child = scene.rest("r-1", "0.2")
    scene.accept(child)
    ended = scene.advance(1)
    ours = ChildOrderRow.child_id == child.child_id
    change(scene, ChildOrderRow, ours, state="cancelled", final_at=ended)
    scene.advance(1)
    scene.decide("r-2", signal={"position_size": "3000"})
    assert "I5" not in scene.violated(after_seconds=1)
    change(scene, DecisionRow, DecisionRow.request_id == "r-2", approved_qty=D("0.2"))
    assert "decision r-2: position of 12000" in only(scene.violated(after_seconds=1), "I5")


def test_i5_names_an_approval_under_a_market_that_was_made_up(scene: Scene) -> None:
    """Seen: 250,000 were filled where 5,000 were approved, and all was well."""
    scene.trade("r-1")
    change(scene, FillRow, FillRow.exec_id.is_not(None), price=D("1500000"))
    text_ = only(scene.violated(), "I5")
    assert "decision r-1: 150000 were filled at the exchange's prices, and" in text_


def test_i5_values_positions_at_the_newest_fills(scene: Scene) -> None:
    """The gate saw 30,000; the exchange had filled the first trade at fifty times that."""
    scene.trade("r-1")
    change(scene, FillRow, FillRow.exec_id.is_not(None), price=D("1500000"))
    scene.advance(2)
    scene.decide("r-2")
    change(scene, DecisionRow, DecisionRow.request_id == "r-2", **FORCED)
    text_ = only(scene.violated(after_seconds=1), "I5")
    assert "decision r-2: position at the exchange's prices of 291000 exceeds 0.1" in text_
    assert "decision r-2: gross exposure at the exchange's prices of 291000 exceeds 1" in text_
    assert "position of" not in text_


def test_i5_values_positions_at_the_exchanges_marks_where_there_are_some(scene: Scene) -> None:
    scene.trade("r-1")
    mark = ReportedPosition(D("0.1"), None, D("1500000"))
    with scene.db.transaction() as session:
        portfolio.store_reported(session, "paper", {"BTCUSDT": mark}, scene.clock.now())
    scene.advance(2)
    assert scene.decide("r-2")["verdict"] == "deny"
    change(scene, DecisionRow, DecisionRow.request_id == "r-2", **FORCED)
    text_ = only(scene.violated(after_seconds=1), "I5")
    assert "decision r-2: position at the exchange's prices of 291000 exceeds 0.1" in text_
    assert "position of" not in text_


def test_i5_lets_honest_prices_move_between_two_looks(scene: Scene) -> None:
    """Just within the limit by the market view, and beyond it by a fill of seconds ago."""
    scene.trade("r-1", signal={"position_size": "6000"})
    change(scene, FillRow, FillRow.exec_id.is_not(None), price=D("30600"))
    scene.advance(2)
    scene.trade("r-2", signal={"position_size": "3900"})
    assert "I5" not in scene.violated()


# I6


def test_i6_names_a_request_that_was_never_decided(scene: Scene) -> None:
    scene.trade("r-1")
    with scene.db.transaction() as session:
        session.add(
            TradeRequestRow(
                request_id="r-lost",
                account="paper",
                strategy="demo",
                symbol="BTCUSDT",
                side="buy",
                status="pending_validation",
                payload={},
                payload_sha256="",
                created_at=scene.clock.now(),
                received_at=scene.clock.now(),
                updated_at=scene.clock.now(),
            )
        )
    assert "I6" not in scene.violated(after_seconds=30)
    assert "request r-lost is undecided since" in only(scene.violated(after_seconds=90), "I6")


def test_i6_names_a_request_that_is_parked_until_an_operator_has_looked(scene: Scene) -> None:
    scene.trade("r-1")
    with scene.db.transaction() as session:
        row = session.get_one(TradeRequestRow, "r-1")
        row.status, row.failure = "parked", "DataError: numeric field overflow"
    words = only(scene.violated(after_seconds=30), "I6")
    assert "request r-1 is parked since" in words and "numeric field overflow" in words


def test_i6_names_a_child_that_was_due_and_not_sent(scene: Scene) -> None:
    scene.decide(
        "r-1",
        signal=TWO_SLICES,
    )
    assert "I6" not in scene.violated(after_seconds=30)
    text_ = only(scene.violated(after_seconds=90), "I6")
    assert "was due at 2025-06-01T12:00:00.000Z" in text_
    assert len(text_.split(";")) == 1


def test_i6_excuses_waiting_children_while_trading_is_halted(scene: Scene) -> None:
    scene.decide(
        "r-1",
        signal=TWO_SLICES,
    )
    with broken(scene) as session:
        session.execute(text("UPDATE trading_state SET state = 'halted'"))
    assert "I6" not in scene.violated(after_seconds=90)
    text_ = only(scene.violated(after_seconds=500), "I6")
    assert "is planned beyond its deadline" in text_
    assert "parent r-1 is working beyond its deadline" in text_


def test_i6_names_a_child_whose_outcome_stays_unknown(scene: Scene) -> None:
    scene.decide("r-1")
    child = scene.children("r-1")[0]
    scene.accept(child)
    change(scene, ChildOrderRow, ChildOrderRow.child_id == child.child_id, state=ChildState.UNKNOWN)
    assert f"child {child.order_link_id} is unknown since" in only(
        scene.violated(after_seconds=90), "I6"
    )


def _look_at(scene: Scene, seconds: float) -> None:
    """The parent's next step lies that far ahead."""
    at = scene.clock.now() + timedelta(seconds=seconds)
    change(scene, ParentOrderRow, ParentOrderRow.request_id == "r-1", step_at=at)


def test_i6_lets_an_order_rest_until_its_deadline_and_no_longer(scene: Scene) -> None:
    child = _resting(scene)
    _look_at(scene, 600)
    assert "I6" not in scene.violated(after_seconds=290)
    text_ = only(scene.violated(after_seconds=400), "I6")
    assert f"child {child.order_link_id} still rests beyond its deadline" in text_


def test_i6_names_a_resting_order_whose_cancel_nobody_confirms(scene: Scene) -> None:
    child = _resting(scene)
    _look_at(scene, 600)
    asked = scene.clock.now()
    where = ChildOrderRow.child_id == child.child_id
    change(scene, ChildOrderRow, where, cancel_requested_at=asked)
    assert "I6" not in scene.violated(after_seconds=30)
    assert f"child {child.order_link_id} still rests, its cancel was decided at" in only(
        scene.violated(after_seconds=90), "I6"
    )


@pytest.mark.parametrize("state", [ChildState.SENDING, ChildState.ACKED, ChildState.UNKNOWN])
def test_i6_names_a_resting_order_that_the_exchange_never_showed(
    scene: Scene, state: ChildState
) -> None:
    child = _resting(scene)
    _look_at(scene, 600)
    change(scene, ChildOrderRow, ChildOrderRow.child_id == child.child_id, state=state)
    assert f"child {child.order_link_id} is {state} since" in only(
        scene.violated(after_seconds=90), "I6"
    )


@pytest.mark.parametrize("state", ["working", "paused"])
def test_i6_names_a_stepped_parent_that_nobody_looks_at(scene: Scene, state: str) -> None:
    _resting(scene)
    _look_at(scene, 0)
    change(scene, ParentOrderRow, ParentOrderRow.request_id == "r-1", state=state)
    assert "I6" not in scene.violated(after_seconds=30)
    assert f"parent r-1 is {state}, its step was due at 2025-06-01T12:00:00" in only(
        scene.violated(after_seconds=90), "I6"
    )
    change(scene, ParentOrderRow, ParentOrderRow.request_id == "r-1", step_at=None)
    assert f"parent r-1 is {state}, and no next step is planned" in only(
        scene.violated(after_seconds=1), "I6"
    )


def test_i6_excuses_what_waits_in_a_paused_parent_but_not_in_one_that_is_being_ended(
    scene: Scene,
) -> None:
    scene.decide("r-1", signal=TWO_SLICES)
    ours = ParentOrderRow.request_id == "r-1"
    change(scene, ParentOrderRow, ours, state="paused")
    assert "I6" not in scene.violated(after_seconds=90)
    change(scene, ParentOrderRow, ours, stop_reason="cancelled by the operator: drill")
    assert "was due at" in only(scene.violated(after_seconds=90), "I6")
    change(scene, ParentOrderRow, ours, stop_reason=None)
    assert "parent r-1 is paused beyond its deadline" in only(
        scene.violated(after_seconds=500), "I6"
    )


def test_i6_names_an_execution_that_was_never_stored(scene: Scene) -> None:
    child = scene.trade("r-1")
    scene.record_fill(child, "exec-unseen", D("0.01"), scene.clock.now())
    assert "I6" not in scene.violated(after_seconds=5)
    assert f"execution exec-unseen of {child.order_link_id} was never stored" in only(
        scene.violated(), "I6"
    )


def test_i6_names_an_execution_that_only_we_have_and_one_with_other_numbers(scene: Scene) -> None:
    scene.trade("r-1")
    scene.trade("r-2")
    fills = [record["row"] for record in scene.journal if record["kind"] == "fill"]
    fills[0]["execId"] = "exec-renamed"
    fills[1]["execPrice"] = "1"
    text_ = only(scene.violated(), "I6")
    assert "is stored, but not in the exchange's record" in text_
    assert "execution exec-renamed of" in text_
    assert f"execution {fills[1]['execId']} is stored with other numbers" in text_


# I7


def test_i7_names_a_money_column_that_is_not_a_number(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        session.execute(text("UPDATE position SET entry_price = 'NaN'"))
    assert only(scene.violated(), "I7") == "position.entry_price is not a number in 1 rows"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("qty", "1E-1", "qty went out as '1E-1', not as plain digits"),
        ("price", 30000, "price went out as 30000, not as plain digits"),
        ("price", 30000.5, "body.price is a float (30000.5)"),
        ("qty", "0.2", "0.2 was sent, its quantity is 0.1"),
    ],
)
def test_i7_names_a_request_body_with_other_than_plain_digits(
    scene: Scene, key: str, value: Any, words: str
) -> None:
    child = scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(ChildOrderRow, child.child_id)
        assert row.body is not None
        row.body = {**row.body, key: value}
    assert words in only(scene.violated(), "I7")


def test_i7_knows_what_closes_a_whole_position(scene: Scene) -> None:
    child = scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(ChildOrderRow, child.child_id)
        assert row.body is not None
        row.body = {**row.body, "qty": "0", "closeOnTrigger": True}
    assert "I7" not in scene.violated()


def test_i7_looks_at_what_the_exchange_received_too(scene: Scene) -> None:
    scene.trade("r-1")
    scene.journal[0]["price"] = "3.00051e4"
    assert "price went out as '3.00051e4'" in only(scene.violated(), "I7")


# I8


def test_i8_names_an_audit_entry_that_was_changed(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, AuditRow, AuditRow.kind == "decision", actor="somebody else")
    assert "was changed after it was written" in only(scene.violated(), "I8")


def test_i8_names_an_audit_entry_that_was_removed(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        session.execute(delete(AuditRow).where(AuditRow.kind == "decision"))
    text_ = only(scene.violated(), "I8")
    assert "is missing before entry" in text_
    assert "decision r-1 isn't the one in the audit chain" in text_


def test_i8_names_a_decision_that_replays_to_another_answer(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-1")
        row.limits = {**row.limits, "min_confidence": 0.99}
    assert "decision r-1 replays to another answer (deny instead of allow)" in only(
        scene.violated(), "I8"
    )


def test_i8_names_a_decision_that_was_rewritten(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-1")
        row.decision = {**row.decision, "approved_qty": "5"}
    text_ = only(scene.violated(), "I8")
    assert "decision r-1 was changed after it was written" in text_


def test_i8_names_columns_that_differ_from_the_decision(scene: Scene) -> None:
    scene.trade("r-1")
    change(scene, DecisionRow, DecisionRow.request_id == "r-1", approved_notional=D("9999"))
    assert "decision r-1: its columns don't say what it decided" in only(scene.violated(), "I8")


def test_i8_names_a_decision_that_cannot_be_read_back(scene: Scene) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-1")
        row.snapshot = {"taken_at": "never"}
    violated = scene.violated()
    assert "decision r-1 can't be read back" in only(violated, "I8")
    assert "was approved on inputs that can't be read back" in only(violated, "I9")


# I9


def _with_check(row: DecisionRow, name: str, **values: Any) -> None:
    checks = [
        {**check, **values} if check["name"] == name else check for check in row.decision["checks"]
    ]
    row.decision = {**row.decision, "checks": checks}


@pytest.mark.parametrize("status", ["fail", "unknown"])
def test_i9_names_an_approval_with_a_broken_check(scene: Scene, status: str) -> None:
    scene.trade("r-1")
    with broken(scene) as session:
        _with_check(session.get_one(DecisionRow, "r-1"), "confidence", status=status)
    assert f"decision r-1 was approved though confidence was {status}" in only(
        scene.violated(), "I9"
    )


def _with_snapshot(scene: Scene, **values: Any) -> None:
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-1")
        row.snapshot = {**row.snapshot, **values}


def test_i9_names_an_approval_on_old_market_data(scene: Scene) -> None:
    scene.trade("r-1")
    with scene.db.reading() as session:
        market = session.get_one(DecisionRow, "r-1").snapshot["market"]
    old = (scene.clock.now() - timedelta(seconds=60)).isoformat()
    _with_snapshot(scene, market={**market, "as_of": old})
    assert "decision r-1 was approved on market data 59.9 s old (limit 5 s)" in only(
        scene.violated(), "I9"
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"market": None}, "was approved without market data"),
        ({"portfolio": None}, "was approved without a portfolio"),
        ({"states": []}, "was approved without a trading state"),
    ],
)
def test_i9_names_an_approval_without_its_inputs(
    scene: Scene, values: dict[str, Any], words: str
) -> None:
    scene.trade("r-1")
    _with_snapshot(scene, **values)
    assert f"decision r-1 {words}" in only(scene.violated(), "I9")


def test_i9_names_a_reduction_that_was_denied_for_its_data(scene: Scene) -> None:
    scene.trade("r-1")
    assert scene.decide("r-2", predictions={"confidence": 0.01})["verdict"] == "deny"
    with broken(scene) as session:
        row = session.get_one(DecisionRow, "r-2")
        row.decision = {**row.decision, "exposure": "reduces"}
    assert "decision r-2 denied a trade that only reduces: confidence was fail" in only(
        scene.violated(), "I9"
    )


def test_i9_lets_a_cap_shrink_a_trade_but_not_exceed_itself(scene: Scene) -> None:
    assert scene.decide("r-1", signal={"position_size": "15000"})["verdict"] == "shrink"
    assert "I9" not in scene.violated(after_seconds=1)
    change(scene, DecisionRow, DecisionRow.request_id == "r-1", approved_notional=D("10001"))
    assert "decision r-1 was approved beyond the 10000" in only(
        scene.violated(after_seconds=1), "I9"
    )


# I10


def test_i10_names_an_approval_that_nothing_follows_from(scene: Scene) -> None:
    scene.decide("r-1")
    with broken(scene) as session:
        for table in (ChildOrderRow, ReservationRow, ParentOrderRow):
            session.execute(delete(table).where(table.request_id == "r-1"))
    assert only(scene.violated(), "I10") == (
        "decision r-1 says allow, and no order follows from it"
    )
