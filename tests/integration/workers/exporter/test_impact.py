"""The mean impact is that of the newest trades, and is computed once a minute."""

import pytest
from sqlalchemy import text

from tests.support.scene import Scene
from workers.exporter import catalogue as c
from workers.exporter.impact import EVERY_SECONDS, NewestImpact, mean_impact

pytestmark = pytest.mark.services


def test_the_impact_is_that_of_the_newest_trades(scene: Scene) -> None:
    scene.trade("r-1")
    with scene.db.transaction() as session:
        session.execute(text("UPDATE parent_order SET start_at = clock_timestamp()"))
    with scene.db.reading() as session:
        found = mean_impact(session)
    assert set(found) <= {(c.IMPACT, ()), (c.IMPACT_TRADES, ())}
    assert (c.IMPACT, ()) in found or found[c.IMPACT_TRADES, ()] == (0.0,)


def test_it_is_kept_for_a_minute(scene: Scene) -> None:
    now = 0.0
    impact = NewestImpact(lambda: now)
    with scene.db.reading() as session:
        assert impact.read(session) == {(c.IMPACT_TRADES, ()): (0.0,)}
        scene.trade("r-1")
        with scene.db.transaction() as another:
            another.execute(text("UPDATE parent_order SET start_at = clock_timestamp()"))
        assert impact.read(session) == {(c.IMPACT_TRADES, ()): (0.0,)}
        now = EVERY_SECONDS
        assert impact.read(session) == mean_impact(session)
