"""The process that keeps the lease is killed again and again, at any moment of its work: six
seconds after its last renewal nothing that adds risk is claimed, every time."""

import multiprocessing
import random
import time
from collections.abc import Mapping
from datetime import datetime

import pytest
from sqlalchemy import select, update

from bot.execution.sending.sender import SendResult
from bot.safety.lease.keeper import LENGTH, LeaseKeeper
from bot.safety.lease.sensing import database_time
from bot.safety.lease.sensors import SENSORS, Reading
from bot.state import lease
from models.database import Database
from models.enums import ChildState
from models.tables import ChildOrderRow, TradingLeaseRow
from tests.support.accounts.leases import age_lease
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import FakeLimits
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = [pytest.mark.services]

# Forked: two hundred Pythons would take minutes to import what they need.
FORKING = multiprocessing.get_context("fork")


def keep(url: str, holder: str) -> None:
    """Renews without a pause, so that a kill strikes anywhere in a look."""
    db = Database(url, pool_size=1)
    readings = {sensor.name: Reading(0.0) for sensor in SENSORS}

    def read() -> tuple[datetime, Mapping[str, Reading]]:
        with db.reading() as session:
            return database_time(session), readings

    keeper = LeaseKeeper(db, ACCOUNT, holder, FakeLimits(), read)
    while True:
        keeper.look()


def holder_of(db: Database) -> str | None:
    """Who holds a lease that stands."""
    with db.reading() as session:
        if lease.problem(lease.stored(session, ACCOUNT)) is not None:
            return None
        return session.scalars(select(TradingLeaseRow.holder)).one()


def be_due(desk: Desk) -> None:
    """The wait of the last attempt is over."""
    with desk.db.transaction() as session:
        session.execute(update(ChildOrderRow).values(due_at=desk.clock.now()))


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
def test_no_claim_of_an_entry_succeeds_six_seconds_after_any_kill(
    desk: Desk, migrated_url: str, kills: int
) -> None:
    chance = random.Random(kills)
    answer = desk.approve()
    assert answer["verdict"] != "deny", answer
    child_id = desk.child().child_id
    length = LENGTH.total_seconds()
    age_lease(desk.db, 10 * 24 * 3600)
    results = []
    for number in range(kills):
        holder = f"safety-{number}"
        process = FORKING.Process(target=keep, args=(migrated_url, holder), daemon=True)
        process.start()
        try:
            eventually(lambda name=holder: holder_of(desk.db) == name, "the lease")
            # The moment of the kill; nothing depends on its length.
            time.sleep(chance.uniform(0.0, 0.03))
        finally:
            process.kill()
            process.join(PATIENCE_SECONDS)
        # Six seconds at speed. They pass after the last renewal, wherever the kill struck.
        age_lease(desk.db, length)
        be_due(desk)
        results.append(desk.send(child_id))
        assert desk.child().state is ChildState.PLANNED
    assert results == [SendResult.DEFERRED] * kills
    assert desk.exchange.posts == 0
    alive = FORKING.Process(target=keep, args=(migrated_url, "the last"), daemon=True)
    alive.start()
    try:
        eventually(lambda: holder_of(desk.db) == "the last", "the lease")
        be_due(desk)
        assert desk.send(child_id) is SendResult.SENT, "it was kept back by the lease alone"
    finally:
        alive.kill()
        alive.join(PATIENCE_SECONDS)
