"""Who fills up Postgres' places keeps nobody from halting."""

import contextlib
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import psycopg
import pytest

from console.cli import run
from models.database import Database
from models.enums import ScopeKind, TradingState
from models.provisioning import provision
from models.roles import DatabaseLogins
from models.tables import TradingStateRow
from tests.support.services import PostgresServer
from workers.embedded.postgres import EmbeddedPostgres, socket_directory
from workers.embedded.privileges import UNPRIVILEGED_UID, running_as_root

pytestmark = [pytest.mark.services, pytest.mark.long]

PLACES = 40
"""So few that a test fills them quickly."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server as that of `mlrisk up`, with few places."""
    with tempfile.TemporaryDirectory(prefix="mlrisk-test-") as made:
        Path(made).chmod(0o711)
        running = PostgresServer(Path(made), sockets=Path(made) / "postgres", places=PLACES)
        running.start()
        yield running
        running.stop()


@pytest.fixture
def logins(server: PostgresServer) -> Iterator[DatabaseLogins]:
    url = server.create_database()
    made = server.logins(url)
    provision(made)
    yield made
    server.drop_database(url)


@pytest.fixture
def halts(
    logins: DatabaseLogins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """`mlrisk` works on this database as an operator's shell does."""
    for name in [name for name in os.environ if name.startswith("MLRISK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", logins.application)
    monkeypatch.setenv("MLRISK_OPERATOR_DATABASE_URL", logins.operator)
    yield


def _state(logins: DatabaseLogins) -> str:
    db = Database(logins.operator, pool_size=1)
    try:
        with db.reading() as session:
            return session.get_one(TradingStateRow, (ScopeKind.GLOBAL, "*")).state
    finally:
        db.dispose()


def test_it_listens_where_no_other_user_comes(server: PostgresServer) -> None:
    """Seen: 480 silent sockets of another user, and `mlrisk halt` failed."""
    assert psutil.Process(server.pid).net_connections("inet") == []
    for child in psutil.Process(server.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # Postgres ends some of its children
            assert child.net_connections("inet") == []
    directory = server.embedded.sockets
    assert directory is not None
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert directory.stat().st_uid in (os.geteuid(), UNPRIVILEGED_UID)


@pytest.mark.skipif(not running_as_root(), reason="needs root to become another user")
def test_another_user_reaches_no_place(server: PostgresServer) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setresuid(12345, 12345, 12345)
        with socket.socket(socket.AF_UNIX) as client:
            told = client.connect_ex(str(_socket(server)))
        os.write(writing, os.strerror(told).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"Permission denied"
    os.close(reading)
    os.close(writing)


def _socket(server: PostgresServer) -> Path:
    assert server.embedded.sockets is not None
    return server.embedded.sockets / f".s.PGSQL.{server.embedded.port}"


def test_more_silent_connections_than_places_delay_a_halt_and_no_more(
    server: PostgresServer, logins: DatabaseLogins, halts: None
) -> None:
    with ExitStack() as open_ones:
        # Before anybody logs in, Postgres takes in twice as many as it has places and then none.
        for _ in range(3 * PLACES):
            client = open_ones.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(_socket(server)))
        assert run(["halt", "--reason", "crowded"]) == 0
    assert _state(logins) == TradingState.HALTED


def test_places_that_the_application_uses_up_leave_the_halts(
    server: PostgresServer, logins: DatabaseLogins, halts: None
) -> None:
    application = logins.application.replace("+psycopg", "")
    with ExitStack() as open_ones:
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            for _ in range(PLACES):
                open_ones.enter_context(psycopg.connect(application))
        assert run(["halt", "--reason", "crowded"]) == 0
    assert _state(logins) == TradingState.HALTED


def test_a_home_with_a_long_path_has_its_socket_elsewhere_and_keeps_it(tmp_path: Path) -> None:
    short = Path("/x")
    assert socket_directory(short, tmp_path / "link") == short
    long = tmp_path / ("l" * 80)
    made = socket_directory(long, tmp_path / "link")
    try:
        assert made.is_dir()
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        assert socket_directory(long, tmp_path / "link") == made
        made.chmod(0o755)
        other = socket_directory(long, tmp_path / "link")
        assert other != made, "what others may enter is not taken"
        other.rmdir()
        again = socket_directory(long, tmp_path / "link")
        assert again != other
        again.rmdir()
    finally:
        made.rmdir()


def test_it_answers_in_a_home_with_a_long_path(tmp_path: Path) -> None:
    directory = tmp_path / ("l" * 80)
    sockets = socket_directory(directory, tmp_path / "link")
    running = PostgresServer(directory, sockets=sockets)
    try:
        running.start()
        running.kill()
        running.start()
        assert isinstance(running.embedded, EmbeddedPostgres)
        running.stop()
    finally:
        sockets.rmdir()
