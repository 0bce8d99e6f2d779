"""A damaged file of a home is one line with its path, or is made anew; never a traceback."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from config.homes import environment_file
from config.private_files import write_private
from console.cli import run
from console.errors import ExitCode
from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.settings import AccountConfig
from paper_exchange.server.venue.state import StateError, StateKeeper
from tests.unit.paper_exchange.server.market_script import SPEC, UID
from workers.home import Home
from workers.supervision import launches
from workers.supervision.launches import ProcessSpec, Run
from workers.supervision.processes import ProcessIdentity
from workers.supervision.supervisor import NotRunningError, Supervisor

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
_GOOD = '{"pid": 4, "redis": 20000, "MLRISK_ACCOUNT": "paper", "number": 1, "state": {}}'


def _bytes(content: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(content)

    return damage


def _directory(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_text("x", encoding="utf-8")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "empty": _bytes(b""),
    "only zeros": _bytes(b"\0" * 512),
    "cut": _bytes(_GOOD.encode()[:20]),
    "no text": _bytes(b"\xff\xfe\x00 \x80"),
    "no json": _bytes(b"hello\n"),
    "a list": _bytes(b"[1, 2]"),
    "a number": _bytes(b"7"),
    "endless nesting": _bytes(b"[" * 100_000),
    "a directory": _directory,
}
WRONG_TYPES = {
    "wrong types": _bytes(b'{"pid": "x", "redis": "y", "number": {}, "state": [1]}'),
    "nothing inside": _bytes(b"{}"),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in [name for name in os.environ if name.startswith("MLRISK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home")
    home.create()
    return home


def damaged(path: Path, kind: str) -> Path:
    if path.exists():
        path.unlink()
    path.parent.mkdir(exist_ok=True)
    (DAMAGES | WRONG_TYPES)[kind](path)
    return path


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("command", ["status", "doctor", "halt", "requests"])
def test_damaged_addresses_are_one_line_that_says_what_to_do(
    command: str, kind: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damaged(environment_file(home.path), kind)
    reason = ["--reason", "test"] if command == "halt" else []
    assert run([command, *reason, "--home", str(home.path)]) == ExitCode.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mlrisk: {path} ")
    assert line.endswith(
        "stop the system (`mlrisk down`) and start it again; the start writes the file again"
    )


@pytest.mark.parametrize("kind", DAMAGES)
def test_down_needs_no_addresses(kind: str, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    damaged(environment_file(home.path), kind)
    assert run(["down", "--home", str(home.path)]) == ExitCode.DEPENDENCY_DOWN
    assert capsys.readouterr().err.startswith("mlrisk: no system runs in ")


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_start_takes_damaged_addresses_away(kind: str, home: Home) -> None:
    path = damaged(environment_file(home.path), kind)
    home.clear_environment()
    assert not path.exists()
    damaged(path, kind)
    home.write_environment({"MLRISK_ACCOUNT": "paper"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"MLRISK_ACCOUNT": "paper"}


@pytest.mark.parametrize("kind", DAMAGES | WRONG_TYPES)
def test_damaged_ports_are_chosen_anew_and_logged(
    kind: str, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    path = damaged(home.run / "ports.json", kind)
    with caplog.at_level(logging.WARNING):
        chosen = home.ports(["redis"])
    assert home.known_ports()["redis"] == chosen["redis"]
    assert kind == "nothing inside" or str(path) in caplog.text


@pytest.mark.parametrize("kind", DAMAGES | WRONG_TYPES)
def test_a_damaged_run_of_a_system_that_is_gone_is_no_run(
    kind: str, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    path = damaged(home.run / "supervisor.json", kind)
    with caplog.at_level(logging.WARNING), pytest.raises(NotRunningError):
        Supervisor.attach(home)
    assert str(path) in caplog.text
    again = Run(1, 2, "boot", "run", str(home.run / "supervisor.sock"), 3.5)
    again.store(home)
    assert Run.load(home) == again


@pytest.mark.parametrize("kind", DAMAGES | WRONG_TYPES)
def test_a_damaged_run_of_a_running_system_is_made_anew(kind: str, home: Home) -> None:
    configuration = home.run / "supervisord.conf"
    socket = "/tmp/of-this-home.sock"
    write_private(configuration, f"[unix_http_server]\nfile = {socket}\n")
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", "-c", str(configuration)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        env={**os.environ, launches.launcher.RUN_VARIABLE: "of-this-home"},
    ) as supervisord:
        damaged(home.run / "supervisor.json", kind)
        found = Run.load(home)
        assert found is not None
        assert (found.pid, found.run_id, found.socket) == (supervisord.pid, "of-this-home", socket)
        assert found.identity == ProcessIdentity.of(supervisord.pid)
        assert Run.load(home) == found
        supervisord.kill()


@pytest.mark.parametrize("kind", DAMAGES | WRONG_TYPES)
def test_the_next_start_ends_what_a_crash_left_although_its_run_is_damaged(
    kind: str, home: Home
) -> None:
    launches.write_launches(home, [ProcessSpec("worker", ["w"])])
    damaged(home.run / "supervisor.json", kind)
    run_id = uuid4().hex  # another test's processes are another run's
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        env={**os.environ, launches.launcher.RUN_VARIABLE: run_id},
    ) as left:
        identity = ProcessIdentity.of(left.pid)
        assert identity is not None
        record = {
            "pid": left.pid,
            "start_ticks": identity.start_ticks,
            "boot_id": identity.boot_id,
            "run_id": run_id,
        }
        write_private(home.run / "processes" / "worker.record.json", json.dumps(record))
        previous = Run.load(home)
        assert previous is not None
        assert not previous.identity.is_alive()
        assert launches.stop_orphans(home, previous) == 1
        assert left.poll() is not None
    previous.forget(home)
    assert Run.load(home) is None


@pytest.mark.parametrize("kind", DAMAGES | WRONG_TYPES)
def test_damaged_records_and_launches_of_processes_have_defaults(kind: str, home: Home) -> None:
    launches.write_launches(home, [ProcessSpec("worker", ["w"])])
    damaged(home.run / "processes" / "worker.record.json", kind)
    damaged(home.run / "processes" / "worker.launch.json", kind)
    assert not launches.has_begun(home, "worker", 1)
    assert launches.stop_wait_seconds(home, "worker") == 30
    assert launches.restarts_by_itself(home, "worker")
    assert launches.stop_orphans(home, Run(1, 2, "boot", "run", "", 3.5)) == 0
    launches.write_launches(home, [ProcessSpec("worker", ["w"], stop_wait_seconds=7)])
    assert launches.stop_wait_seconds(home, "worker") == 7


@pytest.mark.parametrize("kind", DAMAGES | WRONG_TYPES)
def test_a_damaged_lock_is_taken_all_the_same(kind: str, home: Home) -> None:
    path = damaged(home.run / "lock", kind)
    with home.lock():
        assert path.read_text(encoding="ascii") == str(os.getpid())


def test_a_file_where_a_directory_of_ours_was_is_replaced(home: Home) -> None:
    (home.run / "processes").write_text("x", encoding="utf-8")
    launches.write_launches(home, [ProcessSpec("worker", ["w"])])
    assert (home.run / "processes" / "worker.launch.json").is_file()


@pytest.mark.parametrize("kind", DAMAGES | WRONG_TYPES)
@pytest.mark.parametrize("name", ["snapshot.json", "changes.jsonl"])
def test_a_damaged_state_of_the_paper_exchange_is_one_line(
    name: str, kind: str, tmp_path: Path
) -> None:
    StateKeeper(tmp_path, PaperEngine([SPEC], {UID: AccountConfig(UID)})).save()
    path = damaged(tmp_path / name, kind)
    keeper = StateKeeper(tmp_path, PaperEngine([SPEC], {UID: AccountConfig(UID)}))
    if name == "changes.jsonl" and path.is_file() and not path.read_bytes().endswith(b"\n"):
        assert keeper.load()  # a line without end is what a crash leaves
        return
    with pytest.raises(StateError) as caught:
        keeper.load()
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_paper_exchange_that_cannot_start_says_so_and_no_more(home: Home) -> None:
    damaged(home.paper / "snapshot.json", "wrong types")
    started = subprocess.run(
        [
            *(sys.executable, "-m", "paper_exchange.main", "--port", "0"),
            *("--market", "synthetic", "--state-dir", str(home.paper)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert started.returncode == 2
    assert "Traceback" not in started.stderr
    assert f"paper exchange cannot start: {home.paper} holds a damaged" in started.stderr


def test_state_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    path = tmp_path / "state.json"
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        assert not path.exists()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_private(path, "{}")
    assert len(synced) == 1
    assert synced[0].startswith(".state.json.")
    assert path.read_text(encoding="utf-8") == "{}"
    shutil.rmtree(tmp_path)
