"""What the supervisor and its processes leave on disk for each other."""

import json
import os
import signal
from pathlib import Path

import pytest

from workers.home import Home
from workers.supervision import launches
from workers.supervision.launches import ProcessSpec, Run
from workers.supervision.processes import ProcessIdentity


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def _own_run(socket: Path) -> Run:
    identity = ProcessIdentity.of(os.getpid())
    assert identity is not None
    return Run(os.getpid(), identity.start_ticks, identity.boot_id, "run", str(socket), 1.5)


def test_a_run_is_stored_found_and_forgotten_with_its_secrets(home: Home) -> None:
    assert Run.load(home) is None
    run = _own_run(launches.socket_path(home))
    run.store(home)
    launches.write_launches(home, [ProcessSpec("worker", ["w"], env={"TOKEN": "secret"})])
    assert Run.load(home) == run
    assert run.identity.is_alive()
    run.forget(home)
    run.forget(home)
    assert Run.load(home) is None
    assert not [p for p in home.run.rglob("*") if p.is_file() and "secret" in p.read_text("utf-8")]


def test_a_launch_file_is_private_and_complete(home: Home) -> None:
    spec = ProcessSpec("worker", ["w", "1"], env={"A": "b"}, stop_signal="INT", stop_wait_seconds=7)
    launches.write_launches(home, [spec])
    path = Path(launches.command(home, "worker")[-1])
    assert path.stat().st_mode & 0o777 == 0o600
    launch = json.loads(path.read_text(encoding="utf-8"))
    assert (launch["command"], launch["env"]) == (["w", "1"], {"A": "b"})
    assert launch["death_signal"] == signal.SIGINT
    assert launches.stop_wait_seconds(home, "worker") == 7
    assert launches.restarts_by_itself(home, "worker")
    assert launches.record(home, "worker") == {}


def test_an_unknown_stop_signal_is_refused_before_anything_starts(home: Home) -> None:
    with pytest.raises(KeyError, match="SIGHALT"):
        launches.write_launches(home, [ProcessSpec("worker", ["w"], stop_signal="HALT")])


def test_a_long_home_gets_a_short_private_socket_that_is_removed(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 25))
    home.create()
    socket = launches.socket_path(home)
    assert len(str(socket)) < 100
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    socket.touch()
    _own_run(socket).forget(home)
    assert not socket.parent.exists()


def test_a_log_tail_is_the_end_or_says_that_there_is_none(home: Home) -> None:
    assert launches.log_tail(home, "worker") == "(no output)"
    lines = "\n".join(str(number) for number in range(100))
    launches.log_file(home, "worker").write_text(lines, encoding="utf-8")
    assert launches.log_tail(home, "worker", lines=2) == "98\n99"


def test_processes_of_another_run_are_not_orphans_of_this_one(home: Home) -> None:
    launches.write_launches(home, [ProcessSpec("worker", ["w"])])
    identity = ProcessIdentity.of(os.getpid())
    assert identity is not None
    record = {
        "pid": os.getpid(),
        "start_ticks": identity.start_ticks,
        "boot_id": identity.boot_id,
        "run_id": "another",
    }
    path = home.run / "processes" / "worker.record.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    assert launches.stop_orphans(home, _own_run(home.run / "sock")) == 0
