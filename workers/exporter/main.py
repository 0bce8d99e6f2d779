"""The exporter's process: `python -m workers.exporter.main --port PORT`.

It reads Postgres and Redis with rights that change nothing, holds no key of the exchange, and
computes every counter from rows. Nothing is lost when it is killed.
"""

import argparse
import logging
import os
import threading
import time
from collections.abc import Sequence

from redis import Redis

from config.celery import with_database
from config.settings import load_keyless_settings
from models.database import Database
from workers.exporter import sources
from workers.exporter.board import Board
from workers.exporter.server import Exporter
from workers.logs import configure_logging
from workers.stop_event import stop_by_signal

log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_REDIS_TIMEOUT_SECONDS = 2.0
_END_SECONDS = 5.0


def run(stop: threading.Event, host: str, port: int) -> None:
    """Reads and answers until `stop` is set."""
    settings = load_keyless_settings()
    database_url = settings.require_database_url()
    counting, watching = Database(database_url, pool_size=1), Database(database_url, pool_size=1)
    broker = Redis.from_url(
        with_database(settings.require_redis_url(), 0),
        socket_timeout=_REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
    )
    board = Board(time.monotonic)
    found = (
        sources.state_source(board, watching, settings.account),
        sources.rows_source(board, counting, settings.account),
        sources.redis_source(board, broker),
    )
    threads = [
        threading.Thread(target=source.run, args=(stop,), name=source.name, daemon=True)
        for source in found
    ]
    with Exporter((host, port), board, lambda: all(one.is_alive() for one in threads)) as server:
        for thread in threads:
            thread.start()
        answering = threading.Thread(target=server.serve_forever, name="answers", daemon=True)
        answering.start()
        log.info("metrics at http://%s:%s/metrics", host, port, extra={"event": "exporter_answers"})
        stop.wait()
        server.shutdown()
    _end(threads)


def _end(threads: Sequence[threading.Thread]) -> None:
    """Waits for the threads that read. A server that hangs must not hold up the end, and a thread
    that is left running can spoil the end of the interpreter."""
    deadline = time.monotonic() + _END_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        log.info("a server still hangs: the exporter ends", extra={"event": "exporter_ends"})
        os._exit(0)


def main() -> None:
    """Export until a signal ends it."""
    parser = argparse.ArgumentParser(prog="workers.exporter.main", description=__doc__)
    parser.add_argument("--host", default=_LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    configure_logging(load_keyless_settings().log_format)
    run(stop_by_signal(), arguments.host, arguments.port)


if __name__ == "__main__":
    main()
