"""The lease to trade on real Postgres: who holds it, when it lapses, and what is recorded."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text

from bot.safety.lease.keeper import GRANTED, RELEASED, WITHHELD, Kept, LeaseKeeper
from bot.safety.lease.sensing import database_time
from bot.safety.lease.sensors import SENSORS, Reading
from bot.state import lease
from models.database import Database
from models.tables import AuditRow, TradingLeaseRow
from tests.support.accounts.leases import age_lease
from tests.support.fakes import FakeLimits

ACCOUNT = "leased"
KINDS = (GRANTED, WITHHELD, RELEASED)


class Eyes:
    """Sensors whose readings a test sets."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.readings: dict[str, Reading] = {}
        self.late = timedelta(0)
        """How long ago the look began."""
        self.clear()

    def clear(self) -> None:
        self.readings = {sensor.name: Reading(0.0) for sensor in SENSORS}

    def read(self) -> tuple[datetime, Mapping[str, Reading]]:
        with self.db.reading() as session:
            return database_time(session) - self.late, self.readings


@pytest.fixture
def eyes(db: Database) -> Eyes:
    return Eyes(db)


def keeper(eyes: Eyes, holder: str = "first") -> LeaseKeeper:
    return LeaseKeeper(eyes.db, ACCOUNT, holder, FakeLimits(), eyes.read)


def stored(db: Database) -> lease.TradingLease | None:
    with db.reading() as session:
        return lease.stored(session, ACCOUNT)


def stands(db: Database) -> bool:
    return lease.problem(stored(db)) is None


def told(db: Database) -> list[str]:
    query = select(AuditRow.kind).where(AuditRow.chain == ACCOUNT).order_by(AuditRow.seq)
    with db.reading() as session:
        return [kind for kind in session.scalars(query) if kind in KINDS]


def test_a_lease_is_granted_once_and_renewed_silently(db: Database, eyes: Eyes) -> None:
    assert not stands(db)
    first = keeper(eyes)
    assert first.look() is Kept.GRANTED
    assert [first.look() for _ in range(3)] == [Kept.RENEWED] * 3
    found = stored(db)
    assert found is not None
    assert (found.epoch, found.stands, found.length_seconds) == (1, True, 6.0)
    assert told(db) == [GRANTED]


@pytest.mark.parametrize("sensor", [sensor.name for sensor in SENSORS])
def test_any_missing_reading_lets_it_lapse(db: Database, eyes: Eyes, sensor: str) -> None:
    first = keeper(eyes)
    first.look()
    del eyes.readings[sensor]
    assert first.look() is Kept.WITHHELD
    # A gap of one look is no lapse, except where the audit can't be trusted.
    assert stands(db) is (sensor not in ("audit", "halt_journal"))
    age_lease(db, 6)
    assert not stands(db)
    assert first.look() is Kept.WITHHELD
    assert first.look() is Kept.WITHHELD
    assert told(db) == [GRANTED, WITHHELD]
    with db.reading() as session:
        assert f"{sensor}: missing" in session.get_one(TradingLeaseRow, ACCOUNT).withheld
    eyes.clear()
    assert first.look() is Kept.GRANTED
    found = stored(db)
    assert found is not None
    assert (found.epoch, found.stands) == (2, True)


def test_a_gap_of_one_look_is_not_told(db: Database, eyes: Eyes) -> None:
    first = keeper(eyes)
    first.look()
    del eyes.readings["equity"]
    first.look()
    eyes.clear()
    assert first.look() is Kept.RENEWED
    assert told(db) == [GRANTED]


def test_a_first_start_that_waits_for_its_sensors_tells_no_lapse(db: Database, eyes: Eyes) -> None:
    del eyes.readings["equity"]
    assert keeper(eyes).look() is Kept.WITHHELD
    assert told(db) == []


def test_a_slow_look_shortens_the_lease_and_a_frozen_one_grants_nothing(
    db: Database, eyes: Eyes
) -> None:
    first = keeper(eyes)
    eyes.late = timedelta(seconds=4)
    first.look()
    found = stored(db)
    assert found is not None
    assert found.left_seconds is not None
    assert found.left_seconds < 2
    eyes.late = timedelta(seconds=10)
    first.look()
    assert not stands(db)


def test_a_second_holder_gets_it_only_once_it_has_lapsed(db: Database, eyes: Eyes) -> None:
    first, second = keeper(eyes), keeper(eyes, "second")
    first.look()
    assert second.look() is Kept.HELD_BY_ANOTHER
    age_lease(db, 6)
    assert second.look() is Kept.GRANTED
    assert first.look() is Kept.HELD_BY_ANOTHER
    # The silence of the first holder is on record.
    assert told(db) == [GRANTED, WITHHELD, GRANTED]


def test_of_eight_that_compete_one_holds_it(db: Database, eyes: Eyes) -> None:
    begin = threading.Barrier(8)

    def compete(number: int) -> Kept:
        mine = keeper(eyes, f"holder-{number}")
        begin.wait()
        return mine.look()

    for epoch in range(1, 6):
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(compete, range(8)))
        assert results.count(Kept.GRANTED) == 1
        assert results.count(Kept.HELD_BY_ANOTHER) == 7
        found = stored(db)
        assert found is not None
        assert found.epoch == epoch
        age_lease(db, 7)


@pytest.mark.parametrize("hours", [1, -1])
def test_after_a_jump_of_the_clock_there_is_no_lease_until_the_next_look(
    db: Database, eyes: Eyes, hours: int
) -> None:
    first = keeper(eyes)
    first.look()
    age_lease(db, 3600 * hours)  # what Postgres sees after such a jump
    assert not stands(db)
    assert first.look() is Kept.GRANTED
    assert stands(db)


def test_a_lease_is_given_back_by_its_holder_alone(db: Database, eyes: Eyes) -> None:
    first = keeper(eyes)
    first.look()
    keeper(eyes, "second").release("not mine")
    assert stands(db)
    first.release("stopped")
    assert not stands(db)
    first.release("stopped")
    assert told(db) == [GRANTED, RELEASED]
    assert keeper(eyes, "second").look() is Kept.GRANTED
    assert told(db) == [GRANTED, RELEASED, GRANTED]


def test_nobody_else_waits_for_a_look(db: Database, eyes: Eyes) -> None:
    """A claim reads the lease while its row is locked."""
    keeper(eyes).look()
    with db.transaction() as session:
        session.execute(text("SELECT 1 FROM trading_lease FOR UPDATE"))
        assert stands(db)
