"""The summary of the day before is told once, and only of a day on which something happened."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.reports.telling import DAILY_REPORT, tell_yesterday
from bot.safety.alerts import telling
from bot.safety.alerts.telling import Channel
from models.enums import AlertLevel, AlertState
from models.tables import AlertDeliveryRow, AlertRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services


def test_yesterday_is_told_once_to_channels_that_want_information(desk: Desk) -> None:
    assert tell_yesterday(desk.db, desk.account, desk.limits, desk.clock) is None
    desk.approve()
    desk.clock.move_to(desk.clock.now() + timedelta(days=1))
    told = tell_yesterday(desk.db, desk.account, desk.limits, desk.clock)
    assert told is not None
    assert "1 decisions" in told
    assert tell_yesterday(desk.db, desk.account, desk.limits, desk.clock) is None
    with desk.db.transaction() as session:
        row = session.scalars(select(AlertRow).where(AlertRow.kind == DAILY_REPORT)).one()
        assert (row.level, row.state, row.text) == (AlertLevel.INFO, AlertState.CLEARED, told)
        channels = (Channel("all", AlertLevel.INFO), Channel("some", AlertLevel.WARNING))
        telling.plan(session, channels, desk.clock.now())
    with desk.db.reading() as session:
        assert session.scalars(select(AlertDeliveryRow.channel)).all() == ["all"]
    desk.clock.move_to(desk.clock.now() + timedelta(days=1))
    assert tell_yesterday(desk.db, desk.account, desk.limits, desk.clock) is None
