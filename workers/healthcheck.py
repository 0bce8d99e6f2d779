"""Tells by its exit status whether one process does its work: `python -m workers.healthcheck NAME`.

For containers, where no supervisor looks: `feed` and `beat` are asked by what they leave behind,
`worker QUEUE` by a ping of the worker on this host, and `url ADDRESS` by its answer.
"""

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from config.settings import SettingsError

FEED_STALE = timedelta(seconds=20)
"""The feed writes every 5 s; four missed ones are no accident."""
_TIMEOUT_SECONDS = 5.0


def feed() -> bool:
    """Its newest heartbeat is fresh."""
    from config.settings import load_settings
    from models.database import Database
    from models.tables import HeartbeatRow

    database = Database(load_settings().require_database_url(), pool_size=1)
    try:
        with database.reading() as session:
            row = session.get(HeartbeatRow, "feed")
        return row is not None and datetime.now(UTC) - row.at < FEED_STALE
    finally:
        database.dispose()


def beat() -> bool:
    """Somebody holds its lock, which ends by itself 10 s after the last tick."""
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


def worker(queue: str) -> bool:
    """The worker of this host answers through the broker."""
    from celery import Celery

    from config.celery import celery_settings
    from config.settings import load_keyless_settings

    # Not workers.celery.app: it brings every task with it, a second of a processor each time.
    with Celery(set_as_current=False) as app:
        app.conf.update(celery_settings(load_keyless_settings().require_redis_url()))
        name = f"{queue}@{socket.gethostname()}"
        return bool(app.control.ping(destination=[name], timeout=_TIMEOUT_SECONDS))


def url(address: str) -> bool:
    """The address answers with success."""
    # A proxy for the internet must not be asked for this machine's own servers.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=_TIMEOUT_SECONDS) as reply:
        return bool(reply.status == 200)


PROBES: dict[str, tuple[Callable[..., bool], int]] = {
    "feed": (feed, 0),
    "beat": (beat, 0),
    "worker": (worker, 1),
    "url": (url, 1),
}
"""What can be asked, and how many words it takes."""


def main(arguments: Sequence[str]) -> int:
    """0 when it does its work, 1 when it doesn't or can't be asked, 2 for a wrong question."""
    probe, count = PROBES.get(arguments[0] if arguments else "", (None, 0))
    if probe is None or len(arguments) != count + 1:
        sys.stderr.write("usage: healthcheck feed | beat | worker QUEUE | url ADDRESS\n")
        return 2
    try:
        healthy = probe(*arguments[1:])
    except Exception as error:  # noqa: BLE001 - whatever keeps it from being asked is unhealthy
        # No secret is in it: a connection error may quote its address, so only settings' errors,
        # which never do, are told in full.
        told = str(error) if isinstance(error, SettingsError) else type(error).__name__
        sys.stderr.write(f"{arguments[0]} can't be asked: {told}\n")
        return 1
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
