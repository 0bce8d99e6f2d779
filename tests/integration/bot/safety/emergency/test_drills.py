"""Drills are stored once, with an audit entry that an operator signs."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.authority.actors import SIGNED
from bot.safety.emergency import drills
from bot.safety.emergency.drills import Drill
from models.tables import AuditRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.operators import operator

pytestmark = pytest.mark.services


def test_a_drill_is_a_row_and_an_entry_and_the_newest_comes_first(desk: Desk) -> None:
    now = desk.clock.now()
    for passed in (False, True):
        report = {"seconds": {"latched": 0.01}}
        drill = Drill(drills.HALT, ACCOUNT, now, now + timedelta(seconds=2), passed, report)
        number = drills.store(desk.db, drill, operator("ann"))
    with desk.db.reading() as session:
        rows = drills.newest(session, ACCOUNT, 10)
        entries = session.scalars(select(AuditRow).where(AuditRow.kind == drills.DRILLED)).all()
        assert drills.newest(session, "other", 10) == []
    assert [row.passed for row in rows] == [True, False]
    assert (rows[0].drill_id, rows[0].actor) == (number, "operator:ann")
    assert all(SIGNED in entry.payload for entry in entries)
    assert [entry.payload["passed"] for entry in entries] == [False, True]
