"""I6: work resumes, nothing is stuck, every fill is stored."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from models.enums import ChildState
from models.tables import ChildOrderRow, ParentOrderRow, TradeRequestRow
from tests.integration.console.invariants.breaking import (
    TWO_SLICES,
    D,
    broken,
    change,
    only,
    resting,
)
from tests.support.scene import Scene

pytestmark = pytest.mark.services


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
    child = resting(scene)
    _look_at(scene, 600)
    assert "I6" not in scene.violated(after_seconds=290)
    text_ = only(scene.violated(after_seconds=400), "I6")
    assert f"child {child.order_link_id} still rests beyond its deadline" in text_


def test_i6_names_a_resting_order_whose_cancel_nobody_confirms(scene: Scene) -> None:
    child = resting(scene)
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
    child = resting(scene)
    _look_at(scene, 600)
    change(scene, ChildOrderRow, ChildOrderRow.child_id == child.child_id, state=state)
    assert f"child {child.order_link_id} is {state} since" in only(
        scene.violated(after_seconds=90), "I6"
    )


@pytest.mark.parametrize("state", ["working", "paused"])
def test_i6_names_a_stepped_parent_that_nobody_looks_at(scene: Scene, state: str) -> None:
    resting(scene)
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
