"""Real Postgres and Redis servers for tests, with or without pytest.

Without pytest: `with postgres_server(directory) as server:`, `with redis_server(directory) as
server:`. With pytest: the fixtures `postgres`, `database_url`, `redis` and `redis_url`, made
known to every test by `tests/conftest.py`. Servers die with the process that started them.
"""

import itertools
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from redis import Redis

from models.provisioning import provision
from models.roles import DatabaseLogins
from tests.support.waiting import eventually
from workers.embedded import postgres as embedded_postgres
from workers.embedded import redis as embedded_redis
from workers.supervision import launcher
from workers.supervision.ports import free_port

__all__ = ["PostgresServer", "RedisServer", "free_port", "postgres_server", "redis_server"]

_START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 60.0
_TEMPLATE = "mlrisk_template"

# Linux ends a child when the *thread* that started it ends, so that one thread, which lives as
# long as this process, starts them all: a server must outlive a test's own threads.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="server-starter")


class ServerProcess:
    """One server in the foreground as a child process, restarted on the same port and data."""

    def __init__(
        self,
        name: str,
        command: list[str],
        is_ready: Callable[[], bool],
        stop_signal: signal.Signals,
        directory: Path,
    ) -> None:
        self._name = name
        self._command = command
        self._is_ready = is_ready
        self._stop_signal = stop_signal
        self._launch_file = directory / f"{name}.launch.json"
        self.log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None, f"{self._name} is not running"
        return self._process.pid

    def start(self) -> None:
        """Start the server and return when it answers."""
        assert self._process is None, f"{self._name} is already running"
        launch = {"command": self._command, "death_signal": int(self._stop_signal)}
        self._launch_file.write_text(json.dumps(launch), encoding="utf-8")
        self._process = _starter.submit(self._spawn).result()
        self.wait_until_ready()

    def stop(self) -> None:
        """Stop the server in good order; nothing happens when it isn't running."""
        self._end(self._stop_signal)

    def kill(self) -> None:
        """`kill -9` the server and return when it is gone."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start again, on the same port and data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections hang, nothing is refused."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        os.kill(self.pid, signal.SIGCONT)

    def wait_until_ready(self) -> None:
        """Return when the server answers; raise with its log when it ends or takes too long."""
        assert self._process is not None
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while not self._is_ready():
            status = self._process.poll()
            if status is not None or time.monotonic() > deadline:
                self.kill()
                output = self.log.read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"{self._name} did not start (status {status}): {output}")
            time.sleep(0.01)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", launcher.__file__, str(self._launch_file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, launcher.PARENT_VARIABLE: str(os.getpid())},
                start_new_session=True,
            )

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
        try:
            process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


class PostgresServer(ServerProcess):
    """A Postgres server without fsync: it survives `kill -9`, not the machine's power."""

    def __init__(self, directory: Path, *, sockets: Path | None = None, places: int = 200) -> None:
        """With `sockets` it listens there, as that of `mlrisk up`; else on a TCP port."""
        self.embedded = embedded_postgres.EmbeddedPostgres(
            directory / "postgres",
            free_port(),
            secrets.token_hex(16),
            durable=False,
            max_connections=places,
            sockets=sockets,
        )
        self.embedded.prepare()
        super().__init__(
            "postgres",
            self.embedded.command(),
            self.embedded.is_ready,
            signal.SIGINT,
            directory,
        )
        self._numbers = itertools.count(1)
        self._template: str | None = None

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self.embedded.port

    def create_database(self, name: str | None = None, *, template: str | None = None) -> str:
        """Create a fresh database and return its `postgresql+psycopg://` URL.

        `template` names a database without connections that is copied, tables and rows
        included: migrate it once, then have a fresh one in some 30 ms.
        """
        return self.embedded.create_database(
            name or f"test_{next(self._numbers)}", template=template
        )

    def migrated_template(self) -> str:
        """The database with the owner's tables and the rights of every role, made once."""
        if self._template is None:
            provision(self.logins(self.create_database(_TEMPLATE)))
            self._template = _TEMPLATE
        return self._template

    def logins(self, url: str) -> DatabaseLogins:
        """A database's logins of every purpose, by roles as those of `mlrisk up`."""
        database = self.name_of(url)
        roles = {
            purpose: self.embedded.url(database, f"test_{purpose}", self.embedded.password)
            for purpose in ("owner", "application", "operator", "audit", "exporter", "viewer")
        }
        return DatabaseLogins(**roles, bootstrap=self.embedded.url(database))

    def kill(self) -> None:
        """`kill -9` the server and return when its children are gone, too.

        They end by themselves when they see its death. Until then they hold the shared memory of
        its data directory, and a new server on it refuses to start.
        """
        children = psutil.Process(self.pid).children() if self._process is not None else []
        super().kill()
        _, alive = psutil.wait_procs(children, _STOP_TIMEOUT_SECONDS)
        for child in alive:
            child.kill()
        psutil.wait_procs(alive)

    def drop_database(self, url_or_name: str) -> None:
        """Drop a database and close every connection to it."""
        self.embedded.drop_database(self.name_of(url_or_name))

    def name_of(self, url: str) -> str:
        """The name of a database, of its address or of itself."""
        return url.partition("?")[0].rpartition("/")[2]


def refusals(server: embedded_redis.EmbeddedRedis) -> list[tuple[str, str]]:
    """Which user of a server that runs was refused what since its start."""
    with server.admin() as admin:
        return [(entry["username"], entry["object"]) for entry in admin.acl_log()]


class RedisServer(ServerProcess):
    """A Redis server that keeps its log, and so its queues, over `kill` and `start`."""

    def __init__(
        self, directory: Path, embedded: embedded_redis.EmbeddedRedis | None = None
    ) -> None:
        """`embedded` is the server of a home; else one by itself, with a strategy "test"."""
        self.embedded = embedded or embedded_redis.EmbeddedRedis(
            directory / "redis",
            free_port(),
            secrets.token_hex(16),
            secrets.token_hex(16),
            {"test": secrets.token_hex(16)},
        )
        self.embedded.prepare()
        super().__init__(
            "redis",
            self.embedded.command(),
            self.embedded.is_ready,
            signal.SIGTERM,
            directory,
        )

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self.embedded.port

    def url(self, database: int = 0) -> str:
        """Return the `redis://` URL of one of the 16 databases."""
        return self.embedded.url(database)

    def client(self, database: int = 0) -> Redis:
        """Return a new client; close it."""
        return self.embedded.client(database)

    def refusals(self) -> list[tuple[str, str]]:
        """Which user was refused what since the server's start."""
        return refusals(self.embedded)

    def wait_until_logged(self) -> None:
        """Return when all that was done is in the log: a disk that is busy with the last flush
        delays it for up to two seconds, and a `kill` would lose it."""
        with self.embedded.admin() as client:
            eventually(lambda: client.info("persistence")["aof_buffer_length"] == 0, "the log")

    def flushall(self) -> None:
        """Empty every database, as an operator's mistake would."""
        with self.embedded.admin() as client:
            client.flushall()


@contextmanager
def postgres_server(directory: Path | None = None) -> Iterator[PostgresServer]:
    """Run a Postgres server for the time of the block."""
    with _directory(directory) as place:
        server = PostgresServer(place)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def redis_server(directory: Path | None = None) -> Iterator[RedisServer]:
    """Run a Redis server for the time of the block."""
    with _directory(directory) as place:
        server = RedisServer(place)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="mlrisk-test-") as made:
        # The server's unprivileged user must pass through it when tests run as root.
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One Postgres server for the whole test session."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """A fresh empty database, dropped after the test."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def _session_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(_session_redis: RedisServer) -> RedisServer:
    """The session's Redis server, empty. Who kills or stops it must start it again."""
    _session_redis.flushall()
    return _session_redis


@pytest.fixture
def redis_url(redis: RedisServer) -> str:
    """The URL of the session's Redis server, database 0, empty."""
    return redis.url()
