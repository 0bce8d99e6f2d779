"""The process of the browser console: `python -m console.web.main --port PORT`."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from bot.clock import SystemClock
from config.errors import MlriskError
from config.settings import load_settings
from console.web.app import make_app
from console.web.desk import Desk
from console.web.reading import Reader
from console.web.watch import Watch
from workers.logs import configure_logging
from workers.supervision.ports import LOOPBACK

log = logging.getLogger(__name__)

DEFAULT_PORT = 8098
_GRACE_SECONDS = 2
"""Open pages are told to end at once; what else runs has this long."""


class _Server(uvicorn.Server):
    """Ends the open pages as soon as a signal asks for the end."""

    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        super().__init__(config)
        self._watch = watch

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hears signals without dying of them after a clean end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: object = None) -> None:
        await self._watch.end()
        await super().shutdown(sockets)  # type: ignore[arg-type]


async def _serve(host: str, port: int) -> None:
    settings = load_settings()
    settings.require_database_url()
    reader = Reader(settings, {})
    watch = Watch(reader.read)
    desk = Desk(settings, SystemClock(), watch)
    try:
        desk.stand_by()
        config = uvicorn.Config(
            make_app(desk),
            host=host,
            port=port,
            # Addresses may hold a link's token, and headers a session's.
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            limit_concurrency=200,
        )
        await _Server(config, watch).serve()
    finally:
        reader.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal ends it; returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="console.web.main")
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    given = parser.parse_args(arguments)
    try:
        configure_logging(load_settings().log_format)
        asyncio.run(_serve(given.host, given.port))
    except MlriskError as error:
        log.critical("the browser console stops: %s", error, extra={"event": "web_console_stops"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
