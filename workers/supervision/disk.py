"""The process that watches the disk of a home: `python -m workers.supervision.disk HOME`.

On a full disk it gives up the room that is held back, and lets Redis go on without its log. The log
grows with every message, and Redis refuses all messages while it can't write the log. When there is
room again, the log goes on and room is held back anew. The process depends on no other one, and so
it works while all others are down.
"""

import argparse
import logging
from pathlib import Path

from redis.exceptions import RedisError

from bot.state import disk_room
from workers import strategies
from workers.embedded.redis import EmbeddedRedis
from workers.home import Home
from workers.logs import configure_logging
from workers.stop_event import stop_by_signal
from workers.supervision import ballast, readiness

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


def look(home: Path, redis: EmbeddedRedis | None) -> None:
    """Act on the free room of the disk. A repeated look at the same room changes nothing.

    `redis` is the home's own server, if it has one.
    """
    free = disk_room.free_bytes(home)
    if free is None:
        return
    if free < ballast.FULL_BYTES:
        ballast.release_when_full(home)
        _keep_log(redis, wanted=False)
    elif disk_room.is_back(home):
        ballast.hold(home)
        _keep_log(redis, wanted=True)


def _keep_log(redis: EmbeddedRedis | None, *, wanted: bool) -> None:
    if redis is None:
        return
    try:
        if not redis.keep_log(wanted):
            return
    except RedisError as error:  # the next look tries again
        log.error(
            "Redis can't be asked whether it keeps its log: %s",
            error,
            extra={"event": "whether_redis_keeps_its_log_is_not_known"},
        )
        return
    if wanted:
        log.warning("Redis keeps its log again")
    else:
        log.critical(
            "the disk is full: Redis keeps no log, and its messages are lost if it ends",
            extra={
                "event": "the_disk_is_full_redis_keeps_no_log_and_what_waits_in_it_ends_with_it"
            },
        )


def main() -> None:
    """Look each second until told to stop."""
    parser = argparse.ArgumentParser(prog="workers.supervision.disk", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--redis", action="store_true", help="the home has a Redis of its own")
    arguments = parser.parse_args()
    configure_logging()
    stop = stop_by_signal()
    home = Home(arguments.home)
    redis = strategies.server_of(home) if arguments.redis else None
    readiness.announce()
    while not stop.wait(LOOK_SECONDS):
        look(home.path, redis)


if __name__ == "__main__":
    main()
