"""I5: limits hold, and reservations are neither lost nor doubled."""

import pytest
from sqlalchemy import delete

from models.repositories import portfolio
from models.repositories.portfolio import ReportedPosition
from models.tables import ChildOrderRow, DecisionRow, FillRow, ReservationRow
from tests.integration.console.invariants.breaking import FORCED, PASSIVE, D, broken, change, only
from tests.support.scene import Scene

pytestmark = pytest.mark.services


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
