"""A sign of life replaces the one before of its name, and no other."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models.database import Database
from models.repositories.safety import heartbeats
from models.tables import HeartbeatRow

pytestmark = pytest.mark.services
T0 = datetime(2026, 11, 30, 9, tzinfo=UTC)


def test_the_newest_sign_of_each_name_is_kept(db: Database) -> None:
    later = T0 + timedelta(seconds=5)
    with db.transaction() as session:
        heartbeats.store(session, "feed", 1, {"private": "live"}, T0)
        heartbeats.store(session, "alerting", 2, {}, T0)
        heartbeats.store(session, "feed", 3, {"private": "waiting"}, later)
    with db.reading() as session:
        rows = session.scalars(select(HeartbeatRow).order_by(HeartbeatRow.name)).all()
    assert [(row.name, row.pid, row.at, row.details) for row in rows] == [
        ("alerting", 2, T0, {}),
        ("feed", 3, later, {"private": "waiting"}),
    ]
