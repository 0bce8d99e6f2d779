"""The directory that holds a system's state."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.homes import environment_file
from config.settings import load_settings
from workers.home import Home, HomeInUseError, HomeOwnerError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def test_the_default_is_the_users_state_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Home().path == tmp_path / "mlrisk"


def test_everything_but_the_way_through_is_closed_to_others(home: Home) -> None:
    assert home.path.stat().st_mode & 0o777 == 0o711
    for directory in (home.redis, home.paper, home.logs, home.run, home.secrets):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_relative_path_keeps_its_meaning_and_control_characters_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Home(Path("here")).path == tmp_path / "here"
    with pytest.raises(ValueError, match="control characters"):
        Home(tmp_path / "two\nlines")


def test_a_secret_is_drawn_once_and_kept_to_ourselves(home: Home) -> None:
    secret = home.secret("redis-password")
    assert len(secret) >= 32
    assert Home(home.path).secret("redis-password") == secret
    assert home.secret("postgres-password") != secret
    assert (home.secrets / "redis-password").stat().st_mode & 0o777 == 0o600
    assert secret not in repr(home)


def test_ports_are_remembered_and_differ(home: Home) -> None:
    chosen = home.ports(["postgres", "redis"])
    assert len(set(chosen.values())) == 2
    assert Home(home.path).ports(["redis", "postgres"]) == chosen
    assert home.known_ports() == chosen


def test_a_port_that_somebody_else_took_is_replaced(home: Home) -> None:
    before = home.ports(["postgres", "redis"])
    with socket.socket() as other:
        other.bind(("127.0.0.1", before["redis"]))
        other.listen()
        after = home.ports(["postgres", "redis"])
    assert after["postgres"] == before["postgres"]
    assert after["redis"] != before["redis"]
    assert home.known_ports() == after


def test_a_home_without_ports_has_none(tmp_path: Path) -> None:
    assert Home(tmp_path).known_ports() == {}


def test_the_running_systems_settings_are_found_and_taken_away(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLRISK_REDIS_URL", raising=False)
    home.write_environment({"MLRISK_REDIS_URL": "redis://:secret@127.0.0.1:1/0"})
    assert environment_file(home.path).stat().st_mode & 0o777 == 0o600
    assert load_settings(home.path).require_redis_url() == "redis://:secret@127.0.0.1:1/0"
    home.clear_environment()
    home.clear_environment()
    assert load_settings(home.path).redis_url is None


def test_a_locked_home_names_its_holder_and_is_free_when_the_holder_dies(home: Home) -> None:
    code = (
        "import sys, pathlib\nfrom workers.home import Home\n"
        "with Home(pathlib.Path(sys.argv[1])).lock():\n"
        "    print('locked', flush=True)\n    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(home.path)],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(HomeInUseError, match=f"run by process {holder.pid};") as caught:
            home.lock().__enter__()
        assert caught.value.pid == holder.pid
        holder.kill()
    with home.lock():
        assert (home.run / "lock").read_text(encoding="ascii") == str(os.getpid())


def test_a_home_of_another_user_is_refused_by_name(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(HomeOwnerError, match=f"belongs to user {owner}, and this is user"):
        home.create()


def test_ports_file_is_json_that_a_person_can_read(home: Home) -> None:
    chosen = home.ports(["flower"])
    assert json.loads((home.run / "ports.json").read_text(encoding="utf-8")) == chosen
