"""I3: filled, released and open add up to what was approved."""

import pytest
from sqlalchemy import delete

from models.tables import (
    ChildOrderRow,
    FillRow,
    ParentOrderRow,
    PositionRow,
    ReservationRow,
)
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


def test_i3_lets_a_young_fill_be_on_its_way_but_no_old_one(scene: Scene) -> None:
    scene.decide("r-1")
    child = scene.children("r-1")[0]
    scene.accept(child)
    scene.record_fill(child, "exec-unseen", D("0.03"), scene.clock.now())
    assert "I3" not in scene.violated(after_seconds=1)
    assert "0 filled, the exchange's record has 0.03" in only(
        scene.violated(after_seconds=20), "I3"
    )


def test_i3_names_children_that_hold_more_than_is_open(scene: Scene) -> None:
    child = resting(scene)
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
