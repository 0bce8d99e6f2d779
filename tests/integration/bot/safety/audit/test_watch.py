"""An audit that was changed stops all trading in the transaction that finds it."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from bot.clock import FixedClock
from bot.safety.audit import watch as audit_watch
from bot.safety.emergency.triggers import CHANGED_LOOKS
from bot.safety.lease.keeper import LeaseKeeper
from bot.safety.lease.sensing import AuditVerifier, database_time
from bot.safety.lease.sensors import AUDIT_UNWRITABLE, SENSORS, Reading
from bot.safety.monitor import Monitor
from config.keys.emergency import EmergencyRules
from models.database import Database
from models.enums import TradingState
from tests.support.accounts.recovering import state
from tests.support.desk import ACCOUNT, Desk


def change_the_audit(desk: Desk) -> None:
    with desk.db.transaction() as session:
        session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        session.execute(
            text("UPDATE audit_entry SET actor = 'nobody' WHERE chain = :chain AND seq = 1"),
            {"chain": ACCOUNT},
        )
        session.execute(text("ALTER TABLE audit_entry ENABLE TRIGGER ALL"))


def keeper(desk: Desk, readings: dict[str, Reading]) -> LeaseKeeper:
    def read() -> tuple[datetime, dict[str, Reading]]:
        with desk.db.reading() as session:
            return database_time(session), readings

    return LeaseKeeper(
        desk.db,
        ACCOUNT,
        "a test",  # the holder of the desk's lease
        desk.limits,
        read,
        also=lambda uow, found, now: audit_watch.judge(
            uow, ACCOUNT, found, desk.limits.last_known(), now
        ),
    )


def fresh() -> dict[str, Reading]:
    return {sensor.name: Reading(0.0) for sensor in SENSORS}


def test_a_verification_that_finds_a_change_halts(desk: Desk) -> None:
    desk.approve()
    monitor = Monitor(desk.db, ACCOUNT, desk.limits, desk.clock)
    assert monitor.verify_audit() == []
    assert state(desk) is TradingState.ACTIVE
    change_the_audit(desk)
    problems = monitor.verify_audit()
    assert problems
    assert state(desk) is TradingState.HALTED
    monitor.verify_audit()
    assert desk.audit_kinds().count("emergency_triggered") == 1


def test_the_sensors_looks_halt_when_they_agree(db: Database) -> None:
    desk = Desk(db, clock=FixedClock(datetime.now(UTC)))
    desk.approve()
    change_the_audit(desk)
    fault = AuditVerifier(db, ACCOUNT).read(desk.clock.now())
    assert fault.fault is not None
    readings = fresh() | {"audit": fault}
    watch = keeper(desk, readings)
    for look in range(1, CHANGED_LOOKS + 1):
        assert state(desk) is TradingState.ACTIVE, look
        watch.look()
    assert state(desk) is TradingState.HALTED


def test_a_glitch_and_a_missing_reading_halt_nothing(desk: Desk) -> None:
    readings = fresh()
    watch = keeper(desk, readings)
    for found in (
        *(Reading(fault="entry 7 was changed"), Reading(0.0)) * 4,
        *(Reading(),) * 5,
        *(Reading(fault=f"{AUDIT_UNWRITABLE}: InsufficientPrivilege"),) * 5,
    ):
        readings["audit"] = found
        watch.look()
    assert state(desk) is TradingState.ACTIVE


def test_ends_that_differ_from_those_noted_elsewhere_halt(desk: Desk) -> None:
    monitor = Monitor(desk.db, ACCOUNT, desk.limits, desk.clock)
    monitor.stop_for_audit([])
    assert state(desk) is TradingState.ACTIVE
    monitor.stop_for_audit([f"{ACCOUNT}: entry 9 was there and is gone"])
    assert state(desk) is TradingState.HALTED


def looks(desk: Desk, found: Reading | None, seconds: int) -> list[str | None]:
    """What each look of the safety process says of the audit log, one every ten seconds."""
    readings = fresh()
    if found is None:
        del readings["audit_log"]
    else:
        readings["audit_log"] = found
    said = []
    for _ in range(seconds // 10):
        now = desk.pass_time(10)
        with desk.db.unit_of_work() as uow:
            limits = desk.limits.last_known()
            said.append(audit_watch.judge(uow, ACCOUNT, readings, limits, now))
            uow.commit()
    return said


@pytest.mark.parametrize(
    "red",
    [
        pytest.param(Reading(0.0, "the witness refuses the audit log: forked"), id="refused"),
        pytest.param(Reading(60.0), id="entries wait"),
        pytest.param(None, id="missing"),
    ],
)
def test_an_audit_log_that_stays_faulty_halts_once(desk: Desk, red: Reading | None) -> None:
    """Seen: a witness that refused the log withheld the lease for ever, and orders rested on."""
    desk.limits.change(emergency=EmergencyRules(audit_log_fault_seconds=60))
    assert set(looks(desk, red, 60)) == {None}
    assert set(looks(desk, Reading(0.0), 10)) == {None}, "it was well once: the count begins anew"
    assert set(looks(desk, red, 60)) == {None}
    assert state(desk) is TradingState.ACTIVE
    first, *later = looks(desk, red, 30)
    assert first is not None
    assert first.startswith("audit_log_faulty: the audit log has a fault")
    assert later == [None, None]
    assert state(desk) is TradingState.HALTED
    assert desk.audit_kinds().count("emergency_triggered") == 1


def test_an_audit_log_that_is_faulty_halts_nothing_where_the_key_is_off(desk: Desk) -> None:
    desk.limits.change(emergency=EmergencyRules(audit_log_fault_seconds=None))
    assert set(looks(desk, Reading(0.0, "torn"), 600)) == {None}
