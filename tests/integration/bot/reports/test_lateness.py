"""How late slices were sent, from the rows of a day."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from bot.reports.lateness import lateness, lateness_counts
from models.tables import ChildOrderRow
from tests.support.scene import ACCOUNT, Scene

pytestmark = pytest.mark.services


def test_slices_are_counted_by_lateness_and_those_of_other_days_are_not(scene: Scene) -> None:
    for name, late in (("r-1", -3), ("r-2", 10), ("r-3", 9_000)):
        scene.trade(name)
        with scene.db.transaction() as session:
            sent = ChildOrderRow.planned_at + timedelta(milliseconds=late)
            session.execute(
                update(ChildOrderRow).where(ChildOrderRow.request_id == name).values(sent_at=sent)
            )
    begin, end = scene.clock.now() - timedelta(hours=1), scene.clock.now() + timedelta(hours=1)
    with scene.db.reading() as session:
        counts = {
            one["under_ms"]: one["slices"] for one in lateness_counts(session, ACCOUNT, begin, end)
        }
        assert lateness(session, ACCOUNT, begin, end)["p50"] == 10.0
        none = lateness_counts(session, ACCOUNT, end, end + timedelta(days=1))
    # Exactly 10 ms is not under 10 ms, and what is over every edge is counted, too.
    assert {edge: count for edge, count in counts.items() if count} == {10: 1, 25: 1, None: 1}
    assert sum(one["slices"] for one in none) == 0
