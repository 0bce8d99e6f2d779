"""Open positions are shown with their stop at the exchange and the distances to it."""

from decimal import Decimal

import pytest

from bot.safety.positions.stops import ProtectiveStops
from console.views.live.open_positions import line_of, open_positions
from models.tables import PositionRow
from tests.support.accounts.watched import enter
from tests.support.desk import ACCOUNT, Desk

D = Decimal

pytestmark = pytest.mark.services


def test_a_position_is_shown_with_its_stop(desk: Desk) -> None:
    enter(desk)
    with desk.db.reading() as session:
        (bare,) = open_positions(session, ACCOUNT)
    assert bare["stop"] is None
    assert line_of(bare).endswith("no stop at the exchange")
    ProtectiveStops(desk.deps, desk.limits).guard()
    with desk.db.transaction() as session:
        row = session.get_one(PositionRow, (ACCOUNT, "BTCUSDT"))
        row.mark_price, row.liquidation_price = D(65000), D(32500)
    with desk.db.reading() as session:
        (facts,) = open_positions(session, ACCOUNT)
    assert facts["stop"]["state"] == "resting"
    assert (facts["stop_distance"], facts["liquidation_distance"]) == (D("0.05"), D("0.5"))
    line = line_of(facts)
    assert "mark 65000, stop resting at 61750 (5.00% away)" in line
    assert "liquidation at 32500 (50.00% away)" in line
