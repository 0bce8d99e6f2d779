"""The servers that integration tests stand on."""

import os
import threading
from pathlib import Path

import psycopg
import pytest

from tests.support.services import PostgresServer, RedisServer, postgres_server, redis_server
from workers.embedded import postgres as embedded_postgres
from workers.embedded.privileges import reachable, running_as_root

pytestmark = pytest.mark.services


def _dsn(url: str) -> str:
    return url.replace("+psycopg", "")


def test_a_fresh_database_is_empty_and_gone_after_use(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    with psycopg.connect(_dsn(url)) as connection:
        connection.execute("create table facts (n int)")
    copy = postgres.create_database(template=url.rpartition("/")[2])
    with psycopg.connect(_dsn(copy)) as connection:
        assert connection.execute("select count(*) from facts").fetchone() == (0,)
        postgres.drop_database(copy)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    postgres.drop_database(url)


def test_database_url_gives_each_test_its_own_database(database_url: str) -> None:
    with psycopg.connect(_dsn(database_url)) as connection:
        tables = connection.execute("select 1 from pg_tables where schemaname = 'public'")
        assert tables.fetchall() == []


def test_postgres_refuses_a_wrong_password_and_has_no_superuser_process(
    postgres: PostgresServer,
) -> None:
    url = _dsn(postgres.embedded.url("postgres")).replace(postgres.embedded.password, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)
    status = Path(f"/proc/{postgres.pid}/status").read_text(encoding="ascii")
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids


def test_postgres_has_no_right_of_root_below_a_closed_directory(tmp_path: Path) -> None:
    """Seen: as root it kept CAP_DAC_READ_SEARCH, and `COPY` read /etc/shadow."""
    binary = embedded_postgres.binary("postgres")
    if running_as_root() and not reachable(binary):
        pytest.skip(f"{binary} itself is closed to others")
    tmp_path.chmod(0o700)
    with postgres_server(tmp_path) as server:
        url = _dsn(server.create_database("kept"))
        with psycopg.connect(url) as connection:
            for pid in (server.pid, connection.info.backend_pid):
                rights = _rights(pid)
                assert rights.pop("NoNewPrivs") == 1
                if os.geteuid() != 0:
                    del rights["CapBnd"]  # an ordinary user's bound holds nothing to be had
                assert set(rights.values()) == {0}, rights
            connection.execute("create table secrets (line text)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("copy secrets from '/etc/shadow'")


def _rights(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    found = dict(line.split(":\t") for line in lines if line.startswith(("Cap", "NoNewPrivs")))
    return {name: int(value, 16) for name, value in found.items()}


def test_killed_postgres_comes_back_on_its_port_with_every_committed_row(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)  # closed to the server's user when tests run as root
    with postgres_server(tmp_path) as server:
        url = server.create_database("kept")
        with psycopg.connect(_dsn(url)) as connection:
            connection.execute("create table facts as select generate_series(1, 1000) as n")
        server.kill()
        server.start()
        with psycopg.connect(_dsn(url)) as connection:
            assert connection.execute("select count(*) from facts").fetchone() == (1000,)


def test_killed_redis_comes_back_on_its_port_with_its_queue(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        with server.client() as client:
            client.rpush("queue", *range(1000))
        server.kill()
        server.start()
        with server.client() as client:
            assert client.llen("queue") == 1000
        server.flushall()
        with server.client() as client:
            assert client.exists("queue") == 0


def test_a_server_outlives_the_thread_that_restarted_it(redis: RedisServer) -> None:
    thread = threading.Thread(target=redis.restart)
    thread.start()
    thread.join()
    os.kill(redis.pid, 0)
    with redis.client() as client:
        assert client.ping()
