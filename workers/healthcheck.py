"""Tells by its exit status whether one process does its work: `python -m workers.healthcheck NAME`.

It is for containers, which have no supervisor. It judges `feed` and `alerting` by their heartbeats,
`safety` by its last look at the sensors, `beat` by its lock, `worker` by its pulse, `watchdog
JOURNAL` by the file that it touches beside its journal, and `url ADDRESS` by its answer. Each
import is where it is needed, because an engine asks often and a Python with all of ours takes a
second of a processor.
"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workers import pulse

FEED_STALE = timedelta(seconds=20)
"""The age at which a heartbeat is too old. The feed writes one every 5 s, and four missed ones are
no accident."""
SAFETY_STALE = timedelta(seconds=20)
"""The age at which the last look at the sensors is too old. The process looks every 2 s."""
_TIMEOUT_SECONDS = 5.0


def feed() -> bool:
    """Whether the feed's newest heartbeat is fresh."""
    return _beats("feed")


def alerting() -> bool:
    """Whether the alerting process's newest heartbeat is fresh."""
    return _beats("alerting")


def _beats(name: str) -> bool:
    from config.settings import load_settings
    from models.database import Database
    from models.tables import HeartbeatRow

    database = Database(load_settings().require_database_url(), pool_size=1)
    try:
        with database.reading() as session:
            row = session.get(HeartbeatRow, name)
        return row is not None and datetime.now(UTC) - row.at < FEED_STALE
    finally:
        database.dispose()


def safety() -> bool:
    """Whether the safety process has looked at the sensors lately, whatever it has found."""
    from sqlalchemy import func, select

    from config.settings import load_settings
    from models.database import Database
    from models.tables import TradingLeaseRow

    database = Database(load_settings().require_database_url(), pool_size=1)
    try:
        with database.reading() as session:
            seen = session.scalar(select(func.max(TradingLeaseRow.looked_at)))
        return seen is not None and datetime.now(UTC) - seen < SAFETY_STALE
    finally:
        database.dispose()


def beat() -> bool:
    """Whether beat's lock is held. The lock ends by itself 10 s after the last tick."""
    from redis import Redis

    from config.celery import celery_settings
    from config.settings import load_keyless_settings

    settings = celery_settings(load_keyless_settings().require_redis_url())
    client = Redis.from_url(
        settings["redbeat_redis_url"],
        socket_timeout=_TIMEOUT_SECONDS,
        **settings["redbeat_redis_options"],
    )
    with client:
        return bool(client.exists(f"{settings['redbeat_key_prefix']}:lock"))


def worker() -> bool:
    """Whether the worker of this container takes messages, by its own look."""
    file = pulse.path()
    return file is not None and pulse.is_fresh(file)


def url(address: str) -> bool:
    """Whether the address answers with status 200."""
    import urllib.request

    # A proxy for the internet must not be asked for this machine's own servers.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=_TIMEOUT_SECONDS) as reply:
        return bool(reply.status == 200)


def watchdog(journal: str) -> bool:
    """Whether the watchdog has looked lately."""
    touched = Path(journal).with_suffix(".alive").stat().st_mtime
    return time.time() - touched < FEED_STALE.total_seconds()


PROBES: dict[str, tuple[Callable[..., bool], int]] = {
    "feed": (feed, 0),
    "alerting": (alerting, 0),
    "safety": (safety, 0),
    "beat": (beat, 0),
    "worker": (worker, 0),
    "url": (url, 1),
    "watchdog": (watchdog, 1),
}
"""Each probe, and the number of words that it takes."""


def main(arguments: Sequence[str]) -> int:
    """Returns 0 when the process does its work, 1 when it doesn't or can't be asked, 2 for a wrong
    call."""
    probe, count = PROBES.get(arguments[0] if arguments else "", (None, 0))
    if probe is None or len(arguments) != count + 1:
        sys.stderr.write(
            "usage: healthcheck feed | alerting | safety | beat | worker | watchdog JOURNAL | "
            "url ADDRESS\n"
        )
        return 2
    try:
        healthy = probe(*arguments[1:])
    except Exception as error:  # noqa: BLE001 - any error counts as unhealthy
        from config.settings import SettingsError

        # A connection error may quote an address with a secret, so that only its type is told.
        # Settings' errors never quote a secret, and are told in full.
        told = str(error) if isinstance(error, SettingsError) else type(error).__name__
        sys.stderr.write(f"{arguments[0]} can't be asked: {told}\n")
        return 1
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
