"""One supervisor, real servers, and the deaths that they must survive."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.waiting import PATIENCE_SECONDS, eventually
from workers import strategies
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.privileges import (
    UNPRIVILEGED_UID,
    give_to_unprivileged,
    running_as_root,
)
from workers.embedded.redis import EmbeddedRedis
from workers.home import Home
from workers.supervision import launches, supervisord
from workers.supervision import supervisor as supervisor_module
from workers.supervision.launcher import RUN_VARIABLE
from workers.supervision.processes import ProcessIdentity, is_running, started_by_run
from workers.supervision.supervisor import (
    HomeInUseError,
    NotRunningError,
    ProcessSpec,
    ProcessStatus,
    StartError,
    StoppedError,
    Supervisor,
)

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[4]
_WAIT = [sys.executable, "-c", "import time\nwhile True: time.sleep(60)"]
_DEAF = [
    sys.executable,
    "-c",
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\nwhile True: time.sleep(60)",
]


@dataclass
class System:
    """Postgres, Redis and a program of ours under one supervisor."""

    home: Home
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis
    supervisor: Supervisor

    @classmethod
    def of(cls, home: Home) -> "System":
        home.create()
        ports = home.ports(["postgres", "redis"])
        system = cls(
            home,
            EmbeddedPostgres(home.postgres, ports["postgres"], home.secret("postgres-password")),
            strategies.server_of(home),
            Supervisor(home),
        )
        system.postgres.prepare()
        system.redis.prepare()
        return system

    def start(self) -> None:
        servers = [
            ProcessSpec(
                "postgres",
                self.postgres.command(),
                stop_signal="INT",
                ready=self.postgres.is_ready,
            ),
            ProcessSpec("redis", self.redis.command(), ready=self.redis.is_ready),
            ProcessSpec("program", _WAIT, stage=1),
        ]
        self.supervisor.start(servers)

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.postgres.url("mlrisk").replace("+psycopg", ""))

    def store(self) -> None:
        self.postgres.create_database("mlrisk")
        with self.connect() as connection:
            connection.execute("create table facts as select generate_series(1, 1000) as n")
        with self.redis.client() as client:
            client.rpush("queue", *range(1000))

    def check_that_all_is_there(self) -> None:
        with self.connect() as connection:
            assert connection.execute("select count(*) from facts").fetchone() == (1000,)
        with self.redis.client() as client:
            assert client.llen("queue") == 1000

    def status(self, name: str) -> ProcessStatus:
        return next(each for each in self.supervisor.status() if each.name == name)

    def has_restarted(self, name: str) -> bool:
        status = self.status(name)
        return (status.state, status.restarts) == ("RUNNING", 1)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """A running system in a home with an awkward name."""
    system = System.of(Home(tmp_path / "a home, 100%"))
    system.start()
    yield system
    if system.supervisor.is_alive():
        system.supervisor.shutdown()


def _everything_below(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _gone(found: list[psutil.Process]) -> bool:
    return not any(is_running(process) for process in found)


def test_what_was_stored_survives_kill_restart_and_shutdown(system: System) -> None:
    system.store()
    for name in ("postgres", "redis", "program"):
        system.supervisor.signal(name, signal.SIGKILL)
        eventually(partial(system.has_restarted, name))
    eventually(lambda: system.postgres.is_ready() and system.redis.is_ready())
    system.check_that_all_is_there()

    found = _everything_below(system.supervisor.pid)
    assert system.supervisor.shutdown()
    assert _gone(found)
    assert not (system.home.run / "processes").exists(), "commands and secrets are taken away"

    again = System.of(system.home)
    assert again.postgres.port == system.postgres.port, "a home keeps its ports"
    again.start()
    try:
        again.check_that_all_is_there()
    finally:
        assert again.supervisor.shutdown()


def test_two_homes_run_side_by_side_and_one_home_only_once(system: System, tmp_path: Path) -> None:
    other = System.of(Home(tmp_path / ("deep" * 25) / "second"))  # too long for a unix socket
    other.start()
    try:
        assert other.postgres.port != system.postgres.port
        assert other.redis.is_ready()
        assert system.redis.is_ready()
        with pytest.raises(HomeInUseError, match=f"run by process {system.supervisor.pid};"):
            System.of(system.home).start()
        assert system.redis.is_ready(), "the second attempt left the first system alone"
    finally:
        assert other.supervisor.shutdown()
    assert system.redis.is_ready()


def test_another_shell_attaches_watches_restarts_and_stops(system: System) -> None:
    attached = Supervisor.attach(system.home)
    eventually(lambda: {each.state for each in attached.status()} == {"RUNNING"})
    states = {each.name: each for each in attached.status()}
    assert list(states) == ["supervisord", "postgres", "redis", "program"]
    assert states["postgres"].memory_mb > 5
    assert all(0 <= each.uptime_seconds < 60 for each in states.values())

    assert attached.stop_process("program")
    assert system.status("program").state == "STOPPED"
    attached.start_process("program")
    attached.restart_process("redis")
    eventually(system.redis.is_ready)
    assert system.status("redis").pid != states["redis"].pid

    assert attached.shutdown()
    assert not system.supervisor.is_alive()
    with pytest.raises(NotRunningError, match="no system runs in"):
        Supervisor.attach(system.home)


def test_after_kill_of_the_supervisor_nothing_stays_and_the_next_start_works(
    system: System,
) -> None:
    system.store()
    found = _everything_below(system.supervisor.pid)
    os.kill(system.supervisor.pid, signal.SIGKILL)
    eventually(lambda: _gone(found))

    again = System.of(system.home)
    again.start()
    try:
        again.check_that_all_is_there()
    finally:
        assert again.supervisor.shutdown()


def test_the_next_start_ends_what_a_crashed_supervisor_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launches, "_LOST_CHILD_STOP_SECONDS", 0.3)
    home = Home(tmp_path)
    crashed = Supervisor(home)
    grandchild = ["sh", "-c", f"{sys.executable} -c 'import time; time.sleep(600)'"]
    crashed.start(
        [
            ProcessSpec("deaf", _DEAF, stop_wait_seconds=1),
            ProcessSpec("parent", grandchild, stop_wait_seconds=10),
        ]
    )
    eventually(lambda: "deaf" in (home.logs / "deaf.log").read_text(encoding="utf-8"))
    eventually(lambda: len(_everything_below(crashed.pid)) == 4)
    found = _everything_below(crashed.pid)
    os.kill(crashed.pid, signal.SIGKILL)
    eventually(lambda: not crashed.is_alive())
    assert not _gone(found), "one ignores the signal, one is told nothing"

    home_again = Supervisor(home)
    said: list[str] = []
    home_again.start([ProcessSpec("program", _WAIT)], progress=said.append)
    assert any("a crash had left running" in line for line in said)
    assert _gone(found)
    assert home_again.shutdown()


def test_one_that_is_stopped_while_it_is_being_started_hears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it becomes its program, a child of supervisord's is deaf, here for long."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(supervisord, "_DESCRIPTORS", min(most, 15_000))
    supervisor = Supervisor(Home(tmp_path))
    supervisor.start([ProcessSpec("program", _WAIT, stop_wait_seconds=3)])
    assert supervisor.stop_process("program")
    for _ in range(3):
        supervisor.start_process("program")
        assert supervisor.stop_process("program")
    assert supervisor.shutdown()


def test_shutdown_says_so_when_it_had_to_kill(tmp_path: Path) -> None:
    supervisor = Supervisor(Home(tmp_path))
    supervisor.start(
        [
            ProcessSpec("deaf", _DEAF, stop_wait_seconds=1, stage=1),
            ProcessSpec("well-behaved", _WAIT),
        ]
    )
    eventually(lambda: "deaf" in (tmp_path / "logs/deaf.log").read_text(encoding="utf-8"))
    found = _everything_below(supervisor.pid)
    steps: list[str] = []
    assert supervisor.shutdown(steps.append) is False
    assert steps == ["stopping deaf", "deaf did not stop in 1 s: killed", "stopping well-behaved"]
    assert _gone(found)


def test_a_child_that_lost_its_parent_is_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_LEFTOVER_SECONDS", 0.3)
    supervisor = Supervisor(Home(tmp_path))
    script = "setsid sleep 600 & echo started; exec sleep 600"
    supervisor.start([ProcessSpec("leaky", ["sh", "-c", script])])
    eventually(lambda: len(_everything_below(supervisor.pid)) == 3)
    found = _everything_below(supervisor.pid)
    assert supervisor.shutdown() is False
    assert _gone(found)


def test_a_server_that_cannot_start_is_named_with_its_log_and_all_is_stopped(
    tmp_path: Path,
) -> None:
    supervisor = Supervisor(Home(tmp_path))
    broken = [sys.executable, "-c", "raise SystemExit('no such volume')"]
    specs = [
        ProcessSpec("broken", broken, ready=lambda: False),
        ProcessSpec("program", _WAIT),
    ]
    with pytest.raises(StartError, match=r"(?s)broken was not ready after 3 starts.*no such vol"):
        supervisor.start(specs)
    assert not supervisor.is_alive()
    with pytest.raises(NotRunningError):
        Supervisor.attach(Home(tmp_path))


def test_a_program_that_supervisord_cannot_execute_is_reported_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = launches.command

    def command(home: Home, name: str) -> list[str]:
        return real(home, name) if name == "supervisord" else ["/no/such/python"]

    monkeypatch.setattr(launches, "command", command)
    supervisor = Supervisor(Home(tmp_path))
    with pytest.raises(StartError, match=r"program could not be started: .*can't find command"):
        supervisor.start([ProcessSpec("program", _WAIT)])
    assert not supervisor.is_alive()


def test_a_supervisord_that_cannot_be_spawned_leaves_no_secret_and_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(launches, "command", lambda *_: ["/no/such/python"])
    home = Home(tmp_path / ("long" * 25))
    with pytest.raises(FileNotFoundError, match="/no/such/python"):
        Supervisor(home).start([ProcessSpec("program", _WAIT, env={"MLRISK_TEST_TOKEN": "s3"})])
    assert list(temporary.iterdir()) == []
    assert not (home.run / "processes").exists()


def test_stages_without_a_callback_get_ready_side_by_side(tmp_path: Path) -> None:
    """The first is ready only once the second runs: neither may wait for the other to be done."""
    written = tmp_path / "written"
    second = [sys.executable, "-c", f"open({str(written)!r}, 'w'); import time; time.sleep(600)"]
    supervisor = Supervisor(Home(tmp_path / "home"))
    first = ProcessSpec("first", _WAIT, ready=written.exists)
    supervisor.start([first, ProcessSpec("second", second, stage=1)])
    try:
        assert written.exists()
    finally:
        assert supervisor.shutdown()


def test_a_start_that_another_shell_stops_hears_it_and_leaves_the_stop_to_it(
    tmp_path: Path,
) -> None:
    """Seen: it waited for processes that were gone, for a minute and a half."""
    home, told = Home(tmp_path), list[str]()
    found: list[BaseException] = []
    # Nothing makes the second one ready.
    specs = [ProcessSpec("first", _WAIT), ProcessSpec("second", _WAIT, stage=1, ready=bool)]
    supervisor = Supervisor(home)

    def starts() -> None:
        try:
            supervisor.start(specs, progress=told.append)
        except StoppedError as error:
            found.append(error)

    starting = threading.Thread(target=starts)
    starting.start()
    eventually(lambda: launches.record(home, "second"), "the second process")
    other = Supervisor.attach(home)
    assert other.shutdown()
    starting.join(PATIENCE_SECONDS)
    assert not starting.is_alive()
    (error,) = found
    assert "was stopped while it was being started" in str(error)
    assert told[-1] == "somebody else stops the system"
    assert not supervisor.is_alive()
    assert not list(home.run.glob("*.json"))
    supervisor.start([ProcessSpec("first", _WAIT)])
    assert supervisor.shutdown()


def test_a_stop_whose_process_dies_is_finished_by_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, supervisor = Home(tmp_path), Supervisor(Home(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = ProcessIdentity.of(dead.pid)
    assert identity is not None
    dead.communicate()

    def begins_a_stop_and_dies() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(ProcessIdentity, "of", lambda _: identity)
            launches.note_stopper(home)

    specs = [ProcessSpec("first", _WAIT), ProcessSpec("second", _WAIT, stage=1, ready=bool)]
    with pytest.raises(StoppedError):
        supervisor.start(specs, after_stage={0: begins_a_stop_and_dies})
    assert not supervisor.is_alive()
    assert not launches.has_stopper(home)


def test_a_start_whose_supervisord_dies_says_so(tmp_path: Path) -> None:
    supervisor = Supervisor(Home(tmp_path))

    def kills() -> bool:
        if supervisor.is_alive():
            os.kill(supervisor.pid, signal.SIGKILL)
        return False

    with pytest.raises(StartError, match=r"supervisord\.out ended"):
        supervisor.start([ProcessSpec("first", _WAIT, ready=kills)])
    assert not supervisor.is_alive()


def test_a_failed_callback_between_stages_stops_the_system(tmp_path: Path) -> None:
    def migrate() -> None:
        raise ValueError("migration 7 failed")

    supervisor = Supervisor(Home(tmp_path))
    specs = [ProcessSpec("first", _WAIT), ProcessSpec("second", _WAIT, stage=1)]
    with pytest.raises(ValueError, match="migration 7"):
        supervisor.start(specs, after_stage={0: migrate})
    assert not supervisor.is_alive()
    assert not (tmp_path / "logs/second.log").exists()


def test_a_failing_program_is_started_again_for_ever_at_an_even_pace(tmp_path: Path) -> None:
    supervisor = Supervisor(Home(tmp_path))
    supervisor.start(
        [ProcessSpec("failing", ["false"]), ProcessSpec("once", ["true"], autorestart=False)]
    )
    began = time.monotonic()
    eventually(lambda: supervisor.status()[1].restarts >= 3)
    assert time.monotonic() - began > 2, "no busy loop"
    failing, once = supervisor.status()[1:]
    assert failing.state in ("BACKOFF", "STARTING", "RUNNING")
    assert (once.state, once.restarts) == ("EXITED", 0)
    assert supervisor.shutdown()


def test_secrets_are_in_no_command_line_and_no_readable_file(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    supervisor = Supervisor(home)
    secret = "a-secret-of-this-test"
    show = "import os, time; print(os.environ['MLRISK_TEST_TOKEN'], flush=True); time.sleep(600)"
    command = [sys.executable, "-c", show]
    spec = ProcessSpec("shows", command, env={"MLRISK_TEST_TOKEN": secret})
    assert secret not in repr(spec)
    supervisor.start([spec])
    try:
        eventually(lambda: secret in (home.logs / "shows.log").read_text(encoding="utf-8"))
        for process in _everything_below(supervisor.pid):
            assert secret not in " ".join(process.cmdline())
        for path in [p for p in home.path.rglob("*") if p.is_file()]:
            closed = any(not each.stat().st_mode & 0o077 for each in (path, path.parent))
            assert closed, f"{path} is open to others"
    finally:
        assert supervisor.shutdown()


def test_ctrl_c_reaches_the_starter_alone_and_everything_stops_in_order(tmp_path: Path) -> None:
    tell = (
        "import signal, sys\n"
        "def told(number, _):\n    print('told', number, flush=True)\n    sys.exit()\n"
        "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
        "    signal.signal(number, told)\n"
        "print('up', flush=True)\nwhile True: signal.pause()\n"
    )
    code = (
        "import signal, sys, time\nfrom pathlib import Path\nfrom workers.home import Home\n"
        "from workers.supervision.supervisor import ProcessSpec, Supervisor\n"
        # A background job of a shell inherits it as ignored, and so would the starter.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "s = Supervisor(Home(Path(sys.argv[1])))\n"
        f"s.start([ProcessSpec('program', [sys.executable, '-c', {tell!r}])])\n"
        "print('started', flush=True)\n"
        "try:\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print(s.shutdown(), flush=True)\n"
    )
    log = tmp_path / "logs/program.log"
    command = [sys.executable, "-c", code, str(tmp_path)]
    # A session of its own stands for a terminal: its group gets what Ctrl-C sends.
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
        eventually(lambda: log.read_text(encoding="utf-8") == "up\n")
        os.killpg(starter.pid, signal.SIGINT)
        assert starter.stdout.readline() == b"True\n"
    assert log.read_text(encoding="utf-8") == f"up\ntold {int(signal.SIGTERM)}\n"


def test_a_system_tied_to_a_killed_starter_stops_by_itself(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from workers.home import Home\n"
        "from workers.supervision.supervisor import ProcessSpec, Supervisor\n"
        "s = Supervisor(Home(Path(sys.argv[1])))\n"
        f"s.start([ProcessSpec('program', {_WAIT!r}, stop_wait_seconds=1)])\n"
        "print(s.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == -signal.SIGKILL, result.stderr
    # The program may not have heard the signal: supervisord then kills it, 2 s later.
    eventually(lambda: ProcessIdentity.of(int(result.stdout)) is None)
    assert not [p for p in psutil.process_iter() if _mentions(p, str(tmp_path))]


def _mentions(process: psutil.Process, path: str) -> bool:
    try:
        return any(path in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def test_an_ordinary_user_can_run_it_too() -> None:
    if not running_as_root():
        pytest.skip("needs root to become another user; every other test ran as an ordinary one")
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("needs util-linux's setpriv")
    become = [setpriv, f"--reuid={UNPRIVILEGED_UID}", f"--regid={UNPRIVILEGED_UID}"]
    become += ["--clear-groups", "--bounding-set=-all", "--"]
    # pytest's own temporary directories are closed to others.
    place = Path("/tmp") / f"mlrisk-ordinary-{os.getpid()}"
    place.mkdir()
    environment = {"PATH": os.defpath, "HOME": str(place)}
    environment["PYTHONPATH"] = sysconfig.get_path("purelib")
    try:
        give_to_unprivileged(place)
        python = _reachable_python(become, environment)
        test = f"{__file__}::test_what_was_stored_survives_kill_restart_and_shutdown"
        command = [python, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [f"--basetemp={place / 'pytest'}", test]
        result = subprocess.run(
            [*become, *command], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        assert "1 passed" in result.stdout
    finally:
        shutil.rmtree(place)


def _reachable_python(become: list[str], environment: dict[str, str]) -> str:
    """Return an interpreter for another user: ours may lie below /root."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    check = "import os, sys, psycopg; sys.exit(not os.access(sys.executable, os.X_OK))"
    for python in (sys.executable, f"/usr/bin/python{version}"):
        command = [*become, python, "-B", "-c", check]
        tried = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
        if tried.returncode == 0:
            return python
    pytest.skip(f"user {UNPRIVILEGED_UID} can reach no Python {version} with our packages")


def test_the_mark_of_a_run_finds_its_processes_and_no_others(tmp_path: Path) -> None:
    process = subprocess.Popen(_WAIT, env={**os.environ, RUN_VARIABLE: "this-test"})
    try:
        eventually(lambda: [p.pid for p in started_by_run("this-test")] == [process.pid])
        assert list(started_by_run("another")) == []
    finally:
        process.kill()
        process.wait()
