"""A forged market is recorded once a minute for each key, and while Postgres is away not at all."""

import pytest
from sqlalchemy import select

from bot.clock import FixedClock
from bot.decision.forged_market import FORGED, ForgedMarket
from models.database import Database
from models.tables import AuditRow
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services


def test_a_flood_is_one_entry_a_minute_and_key(desk: Desk) -> None:
    forged = ForgedMarket(desk.db, ACCOUNT, desk.clock)
    for seconds in (0, 1, 58):
        desk.pass_time(seconds)
        forged.report("mlrisk:market:BTCUSDT", "no seal")
        forged.report("mlrisk:market:ETHUSDT", "no seal")
    desk.pass_time(2)
    forged.report("mlrisk:market:BTCUSDT", "no seal")
    with desk.db.reading() as session:
        kept = select(AuditRow.subject).where(AuditRow.kind == FORGED).order_by(AuditRow.seq)
        subjects = list(session.scalars(kept))
    assert [subject[-7:] for subject in subjects] == ["BTCUSDT", "ETHUSDT", "BTCUSDT"]


def test_without_postgres_the_reader_goes_on(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    gone = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    ForgedMarket(gone, ACCOUNT, FixedClock(desk.clock.now())).report("a key", "no seal")
    assert "the finding can't be recorded" in caplog.text
