"""The lease as `mlrisk status` and `mlrisk doctor` show it: standing, withheld, and by sensor."""

from datetime import datetime

import pytest
from pydantic import SecretStr

from bot.safety.lease.keeper import LeaseKeeper
from bot.safety.lease.sensing import database_time
from bot.safety.lease.sensors import SENSORS, Reading
from bot.state.lease import NEVER
from config.settings import Settings
from console.views.live.lease_view import EFFECT, LeaseView, lease_lines, lease_view
from models.tables import TradingLeaseRow
from tests.support.accounts.leases import end_lease
from tests.support.desk import ACCOUNT, Desk


def view(desk: Desk) -> LeaseView:
    with desk.db.reading() as session:
        return lease_view(session, ACCOUNT)


def look(desk: Desk, **worse: Reading) -> None:
    def read() -> tuple[datetime, dict[str, Reading]]:
        fresh = {sensor.name: Reading(0.0) for sensor in SENSORS}
        with desk.db.reading() as session:
            return database_time(session), {**fresh, **worse}

    LeaseKeeper(desk.db, ACCOUNT, "safety", desk.limits, read).look()


@pytest.fixture
def lapsed(desk: Desk) -> Desk:
    end_lease(desk.db)
    return desk


def test_a_standing_lease_shows_its_epoch_and_every_sensor(lapsed: Desk) -> None:
    look(lapsed)
    shown = view(lapsed)
    assert shown.problem is None
    assert shown.sentence.startswith("stands, epoch 2, ")
    assert [each.name for each in shown.sensors] == [sensor.name for sensor in SENSORS]
    facts = shown.to_json()
    assert (facts["stands"], facts["epoch"], facts["holder"]) == (True, 2, "safety")


def test_a_withheld_lease_names_the_sensor_and_what_it_means(lapsed: Desk) -> None:
    look(lapsed, equity=Reading(99.0))
    shown = view(lapsed)
    assert "equity: 99.0 s old" in shown.sentence
    assert shown.sentence.endswith(EFFECT)


def test_the_doctor_has_a_line_for_the_lease_and_each_sensor(
    lapsed: Desk, migrated_url: str
) -> None:
    look(lapsed, beat=Reading())
    settings = Settings(database_url=SecretStr(migrated_url), account=ACCOUNT)
    lines = {line.name: line for line in lease_lines(settings)}
    assert set(lines) == {"lease to trade", *(f"sensor {sensor.name}" for sensor in SENSORS)}
    assert {name for name, line in lines.items() if not line.ok} == {
        "lease to trade",
        "sensor beat",
    }
    assert lines["sensor beat"].detail.startswith("missing (no reading, at most 30 s;")


def test_an_account_that_never_had_a_lease_says_so(desk: Desk) -> None:
    with desk.db.transaction() as session:
        session.delete(session.get_one(TradingLeaseRow, ACCOUNT))
    assert view(desk).problem == NEVER
