"""I10: every approval has an effect."""

import pytest
from sqlalchemy import delete

from models.tables import ChildOrderRow, ParentOrderRow, ReservationRow
from tests.integration.console.invariants.breaking import broken, only
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def test_i10_names_an_approval_that_nothing_follows_from(scene: Scene) -> None:
    scene.decide("r-1")
    with broken(scene) as session:
        for table in (ChildOrderRow, ReservationRow, ParentOrderRow):
            session.execute(delete(table).where(table.request_id == "r-1"))
    assert only(scene.violated(), "I10") == (
        "decision r-1 says allow, and no order follows from it"
    )
