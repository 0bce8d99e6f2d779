"""The screen's queries tell what the rows say, and the console can't write."""

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from console.views.live.moment import Live
from console.views.live.queries import live
from models.enums import TradingState
from tests.support.scene import ACCOUNT, Scene, read_only_engine

pytestmark = pytest.mark.services


def _live(scene: Scene) -> Live:
    engine = read_only_engine(scene.database_url)
    try:
        with Session(engine) as session:
            return live(session, ACCOUNT)
    finally:
        engine.dispose()


def test_an_empty_system_is_shown_as_such(scene: Scene) -> None:
    moment = _live(scene)
    assert moment.strictest is not None
    assert moment.strictest.state is TradingState.ACTIVE
    assert (moment.requests, moment.fills, moment.children_due) == ((), (), ())
    assert moment.lateness_ms is None
    assert moment.money.equity == Decimal(100000)


def test_requests_children_fills_and_positions_are_told(scene: Scene) -> None:
    scene.trade("r-1")
    scene.advance(1)
    scene.decide("r-2", signal={"algorithm": "twap", "horizon_seconds": 20, "interval_seconds": 5})
    moment = _live(scene)
    assert [line.request_id for line in moment.requests] == ["r-2", "r-1"]
    assert (moment.requests[1].verdict, moment.requests[1].notional) == ("allow", "3000")
    assert moment.child_counts == {"filled": 1, "planned": 4}
    assert [line.slot for line in moment.children_due] == [0, 1, 2, 3]
    (done,) = moment.children_done
    assert done.lateness_ms == 10.0
    (fill,) = moment.fills
    assert (fill.qty, fill.price) == (Decimal("0.1"), Decimal("30000.5"))
    (position,) = moment.positions
    assert position.qty == Decimal("0.1")
    assert position.last_price == Decimal("30000.5")
    assert position.unrealised_pnl(Decimal("30010.5")) == Decimal(1)
    assert position.unrealised_pnl(None) is None
