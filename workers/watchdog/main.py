"""The watchdog's process: `python -m workers.watchdog.main JOURNAL`.

It stops with the system: `mlrisk down` tells both at once, so that a deliberate stop is no silence.
"""

import argparse
import contextlib
import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from bot.clock import SystemClock
from models.database import Database
from models.tables.safety import SYSTEM_HEARTBEAT, HeartbeatRow
from models.transparency.submission import LogDirectory, WitnessDirectory
from workers.logs import configure_logging
from workers.stop_event import StopEvent, stop_by_signal
from workers.supervision import readiness
from workers.watchdog.journal import Journal
from workers.watchdog.pulse import Pulse
from workers.watchdog.settings import WatchdogSettings, load_watchdog_settings
from workers.watchdog.venue import CancelOnlyVenue, VenueError
from workers.watchdog.watch import WATCHDOG_ACTED, Watchdog
from workers.watchdog.witness import Witness, WitnessThread

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
_KEY_WAIT_SECONDS = 2.0


def check_key(venue: CancelOnlyVenue, stop: StopEvent) -> None:
    """Asks the exchange until it tells that the key is fit. Raises SystemExit for an unfit key."""
    while not stop.is_set():
        try:
            faults = venue.key_faults()
        except VenueError as error:
            log.error(
                "the watchdog's key can't be checked yet: %s",
                error,
                extra={"event": "the_watchdogs_key_cant_be_checked"},
            )
            stop.wait(_KEY_WAIT_SECONDS)
            continue
        if faults:
            raise SystemExit(f"the watchdog's API key is unfit: {'; '.join(faults)}")
        return


def newest_sign(db: Database) -> datetime | None:
    """The system's newest sign of life."""
    with db.reading() as session:
        return session.scalar(select(HeartbeatRow.at).where(HeartbeatRow.name == SYSTEM_HEARTBEAT))


def record(db: Database, account: str, silence_id: str, acts: list[dict[str, Any]]) -> bool:
    """Writes the acts of one silence into the account's audit chain."""
    payload: dict[str, Any] = {"silence": silence_id, "acts": acts}
    try:
        with db.unit_of_work() as uow:
            now = SystemClock().now()
            uow.audit(account, WATCHDOG_ACTED, f"account:{account}", "watchdog", payload, now)
            uow.commit()
    except DBAPIError as error:
        log.error(
            "the watchdog's acts are not recorded yet: %s",
            type(error).__name__,
            extra={"event": "the_watchdogs_acts_are_not_recorded_yet"},
        )
        return False
    return True


def witness_of(log_directory: Path, own: Path, stop: StopEvent) -> WitnessThread:
    """The witness of an audit log. It needs neither the database nor the exchange."""
    witness = Witness(LogDirectory(log_directory), WitnessDirectory(own), SystemClock())
    return WitnessThread(witness, stop.wait)


def touch(alive: Path) -> None:
    """Tells the health check of a container that the watchdog looks. On a full disk it can't."""
    with contextlib.suppress(OSError):
        alive.touch(mode=0o600)


def watch(settings: WatchdogSettings, journal: Path, stop: StopEvent) -> None:
    """Listens and acts until told to stop."""
    key, secret = settings.require_keys()
    venue = CancelOnlyVenue(settings.base_url(), key, secret)
    db = Database(settings.require_database_url(), pool_size=1)
    watchdog = Watchdog(
        venue,
        Journal(journal),
        SystemClock(),
        lambda silence_id, acts: record(db, settings.account, silence_id, acts),
    )
    check_key(venue, stop)

    def read() -> datetime | None:
        sign = newest_sign(db)
        watchdog.record_acts()
        return sign

    pulse = Pulse(read, stop.wait)
    pulse.start()
    readiness.announce()
    alive = journal.with_suffix(".alive")
    while not stop.wait(LOOK_SECONDS):
        watchdog.look(pulse.newest(), time.monotonic())
        touch(alive)


def main() -> None:
    """Reads the settings, and watches."""
    parser = argparse.ArgumentParser(prog="workers.watchdog.main", description=__doc__)
    parser.add_argument("journal", type=Path, help="the file of the watchdog's own acts")
    parser.add_argument("--log", type=Path, help="the directory of the audit log")
    parser.add_argument("--witness", type=Path, help="the directory of the audit log's witness")
    arguments = parser.parse_args()
    if (arguments.log is None) != (arguments.witness is None):
        parser.error("--log and --witness belong together")
    settings = load_watchdog_settings()
    configure_logging(settings.log_format)
    stop = stop_by_signal()
    if arguments.log is not None:
        witness_of(arguments.log, arguments.witness, stop).start()
    watch(settings, arguments.journal, stop)


if __name__ == "__main__":
    main()
