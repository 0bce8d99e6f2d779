"""A database or an audit that stays away ends in the halt journal, once, and is tried again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from bot.clock import FixedClock
from bot.safety.emergency import outages
from bot.safety.emergency.outages import Outages
from bot.safety.emergency.triggers import TriggerKind
from bot.safety.lease.sensors import AUDIT_UNWRITABLE, Reading
from bot.state import halt_journal
from config.keys.emergency import EmergencyRules

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RULES = EmergencyRules(database_lost_seconds=30, audit_unwritable_seconds=10)
DATABASE, AUDIT = TriggerKind.DATABASE_LOST, TriggerKind.AUDIT_UNWRITABLE


class Watch:
    """Looks every two seconds."""

    def __init__(self, home: Path) -> None:
        self.home, self.clock = home, FixedClock(NOW)
        self.outages = Outages(home, self.clock)

    def look(
        self, found: TriggerKind | None, seconds: float, rules: EmergencyRules = RULES
    ) -> None:
        for _ in range(int(seconds / 2)):
            self.clock.move_to(self.clock.now() + timedelta(seconds=2))
            self.outages.look(found, rules)

    def halts(self) -> list[str]:
        with halt_journal.taking(self.home) as found:
            return [f"{halt.scope}: {halt.reason}" for halt in found.halts]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    (tmp_path / "run").mkdir()
    return Watch(tmp_path)


def test_a_database_that_stays_away_stops_everything_once(watch: Watch) -> None:
    watch.look(DATABASE, 30)
    assert halt_journal.pending(watch.home) is None
    watch.look(DATABASE, 60)
    assert watch.halts() == [
        "global: database_lost: the database can't be asked for 30 s; the threshold is 30 s, "
        "since 2026-03-01 12:00:02 UTC"
    ]


def test_a_database_that_comes_back_in_time_stops_nothing(watch: Watch) -> None:
    for _ in range(5):
        watch.look(DATABASE, 28)
        watch.look(None, 2)
    assert halt_journal.pending(watch.home) is None


def test_a_machine_that_slept_an_hour_stops_nothing(watch: Watch) -> None:
    watch.look(DATABASE, 4)
    watch.clock.move_to(NOW + timedelta(hours=1))
    watch.look(DATABASE, 2)
    assert halt_journal.pending(watch.home) is None


def test_an_audit_that_takes_no_entry_stops_everything_also_when_the_database_goes(
    watch: Watch,
) -> None:
    watch.look(AUDIT, 6)
    watch.look(DATABASE, 6)
    (told,) = watch.halts()
    assert told.startswith("global: audit_unwritable: the audit can't be written for 10 s")


def test_a_stop_that_cant_be_written_is_tried_again(watch: Watch) -> None:
    (watch.home / "run").rmdir()
    watch.look(DATABASE, 40)
    (watch.home / "run").mkdir()
    watch.look(DATABASE, 2)
    assert len(watch.halts()) == 1


def test_a_second_outage_stops_again(watch: Watch) -> None:
    watch.look(DATABASE, 40)
    assert len(watch.halts()) == 1
    watch.look(None, 2)
    watch.look(DATABASE, 40)
    assert len(watch.halts()) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (psycopg.OperationalError("no route"), DATABASE),
        (errors.AdminShutdown("going down"), DATABASE),
        (errors.QueryCanceled("too slow"), DATABASE),
        (errors.InsufficientPrivilege("no"), AUDIT),
        (errors.DiskFull("full"), AUDIT),
        (errors.ReadOnlySqlTransaction("a replica"), AUDIT),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_refusal_to_write_is_told_from_a_silence(fault: Exception, kind: TriggerKind) -> None:
    assert outages.cause_of(DBAPIError("INSERT", {}, fault)) is kind


def test_a_look_that_could_read_says_whether_the_audit_takes_entries() -> None:
    assert outages.seen_in({}) is None
    assert outages.seen_in({"audit": Reading(0.0)}) is None
    assert outages.seen_in({"audit": Reading(fault="entry 7 was changed")}) is None
    assert outages.seen_in({"audit": Reading(fault=f"{AUDIT_UNWRITABLE}: X")}) is AUDIT
