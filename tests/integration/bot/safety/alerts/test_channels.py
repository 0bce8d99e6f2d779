"""A channel that fails three times in a row is an alert, and its first delivery ends it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.safety.alerts import channels
from bot.safety.alerts.telling import CHANNEL_SILENT, Channel
from models.enums import AlertLevel, AlertState
from models.tables import AlertRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services

HOOK, PAGER = Channel("hook", AlertLevel.INFO), Channel("pager", AlertLevel.EMERGENCY)
SERVICES = {"hook": "json", "pager": "mailto"}


def alerts(desk: Desk) -> list[tuple[str, AlertState]]:
    with desk.db.reading() as session:
        rows = session.scalars(select(AlertRow).where(AlertRow.kind == CHANNEL_SILENT))
        return [(row.subject, row.state) for row in rows]


def note(desk: Desk, error: str | None) -> None:
    with desk.db.transaction() as session:
        channels.note(session, "hook", desk.account, error, desk.clock.now())


def test_a_channels_health_is_a_row_and_its_silence_an_alert(desk: Desk) -> None:
    with desk.db.transaction() as session:
        channels.declare(session, (HOOK, PAGER), SERVICES, desk.clock.now())
    note(desk, "away")
    note(desk, "away")
    assert alerts(desk) == []
    for _ in range(2):
        note(desk, "away")
    assert alerts(desk) == [("hook", AlertState.OPEN)]
    with desk.db.reading() as session:
        hook, pager = channels.health(session)
    assert hook.problem == "4 attempts failed in a row: away"
    assert (pager.problem, pager.delivered_at) == (None, None)
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))
    note(desk, None)
    assert alerts(desk) == [("hook", AlertState.CLEARED)]
    with desk.db.transaction() as session:
        channels.declare(session, (PAGER,), SERVICES, desk.clock.now())
    with desk.db.reading() as session:
        assert [each.name for each in channels.health(session)] == ["pager"]
