"""Conditions that no audit entry tells are alerts as long as they are seen."""

import pytest
from sqlalchemy import select

from bot.safety.alerts import conditions
from bot.state.scope import EVERYTHING
from models.enums import AlertLevel, AlertState
from models.tables import AlertRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services


def alerts(desk: Desk) -> list[tuple[str, AlertLevel, AlertState, int]]:
    with desk.db.reading() as session:
        rows = session.scalars(select(AlertRow).order_by(AlertRow.alert_id))
        return [(row.kind, row.level, row.state, row.count) for row in rows]


def test_a_position_that_stays_is_an_emergency_until_it_is_gone(desk: Desk) -> None:
    with desk.db.transaction() as session:
        conditions.not_flat(session, EVERYTHING, ["BTCUSDT"], desk.clock.now())
        conditions.not_flat(session, EVERYTHING, [], desk.clock.now())
    assert alerts(desk) == [("not_flat", AlertLevel.EMERGENCY, AlertState.OPEN, 2)]
    with desk.db.transaction() as session:
        conditions.is_flat(session, EVERYTHING, desk.clock.now())
    assert alerts(desk)[0][2] is AlertState.CLEARED
