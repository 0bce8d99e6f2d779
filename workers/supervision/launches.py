"""The files that the supervisor writes for each process, and those that each process writes for
it."""

import configparser
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from config.private_files import take_away, write_private
from config.state_files import DamagedFileError, read_object
from workers.home import Home
from workers.supervision import launcher, processes
from workers.supervision.processes import ProcessIdentity

log = logging.getLogger(__name__)

# A program that fails at once is started again after this time, for ever.
_RESTART_DELAY_SECONDS = 1.0
# A worker ends after the task at hand: a POST takes 10 s at most, and its outcome is stored. Flower
# ends after its questions to workers, Postgres when all is written. The rest of the time is for a
# busy machine, because a killed process has to be recovered at the next start.
_STOP_SECONDS = 30
# For grandchildren without a parent: nobody told them to stop when the supervisor died.
_LOST_CHILD_STOP_SECONDS = 3.0
# Linux allows 107 characters, and supervisord appends its process id while it creates the socket.
_LONGEST_SOCKET_PATH = 90


@dataclass(frozen=True)
class ProcessSpec:
    """One process that the supervisor runs.

    Processes of a lower stage start first and stop last. Processes of one stage start and stop
    together. `env` is added to the supervisor's own environment; it may hold secrets, and is handed
    over by a private file. `ready` tells whether the process does its work. The start is over when
    all probes say so. A `preloaded` program is a module of ours that a copy of the supervisor
    becomes, without importing anything anew.
    """

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict, repr=False)
    stop_signal: str = "TERM"
    stop_wait_seconds: int = _STOP_SECONDS
    stage: int = 0
    autorestart: bool = True
    cwd: Path = Path("/")
    preloaded: bool = False
    ready: Callable[[], bool] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Run:
    """The supervisord that runs a home now, as stored in the home. `socket` takes its calls."""

    pid: int
    start_ticks: int
    boot_id: str
    run_id: str
    socket: str
    started_at: float

    @property
    def identity(self) -> ProcessIdentity:
        """The identity of supervisord."""
        return ProcessIdentity(self.pid, self.start_ticks, self.boot_id)

    def store(self, home: Home) -> None:
        """Make this the home's run."""
        write_private(home.run / "supervisor.json", json.dumps(asdict(self)))

    @classmethod
    def load(cls, home: Home) -> "Run | None":
        """Return the run stored in the home; it may have crashed.

        A damaged file is made anew from the running supervisord, or from the records that a crash
        left.
        """
        path = home.run / "supervisor.json"
        try:
            stored = read_object(path)
            return None if stored is None else cls._of(stored, path)
        except DamagedFileError as error:
            found = _running(home)
            if found is not None:
                found.store(home)
                log.warning(
                    "%s: written again for process %d, which runs",
                    error,
                    found.pid,
                    extra={"event": "made_anew_from_process_which_runs"},
                )
                return found
            log.warning(
                "%s: no process runs in this home",
                error,
                extra={"event": "nothing_runs_in_this_home"},
            )
            return _crashed(home)

    @classmethod
    def _of(cls, stored: dict[str, Any], path: Path) -> "Run":
        kinds = {name: type(value) for name, value in stored.items()}
        if kinds != _RUN_KINDS:
            raise DamagedFileError(f"{path} is damaged (other fields than a run's)")
        return cls(**stored)

    def forget(self, home: Home) -> None:
        """Remove the files that only a running system needs."""
        discard(home, Path(self.socket))
        take_away(home.run / "supervisor.json")
        forget_stopper(home)

    @staticmethod
    def is_forgotten(home: Home) -> bool:
        """Tell whether the home has no run, so that the last one was stopped and did not crash."""
        return not (home.run / "supervisor.json").exists()


_RUN_KINDS = {
    "pid": int,
    "start_ticks": int,
    "boot_id": str,
    "run_id": str,
    "socket": str,
    "started_at": float,
}


def command(home: Home, name: str) -> list[str]:
    """Return the command line that becomes the named process."""
    return [sys.executable, "-I", "-S", launcher.__file__, str(_launch_file(home, name))]


def log_file(home: Home, name: str) -> Path:
    """The file of a process's output."""
    return home.logs / f"{name}.log"


def log_tail(home: Home, name: str, lines: int = 15) -> str:
    """Return the end of a process's output."""
    path = log_file(home, name)
    if not path.exists():
        return "(no output)"
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def socket_path(home: Home) -> Path:
    """Return a new path for supervisord's socket, in the home if that is short enough."""
    path = home.run / "supervisor.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    return Path(tempfile.mkdtemp(prefix="mlrisk-")) / "supervisor.sock"


def discard(home: Home, socket: Path) -> None:
    """Take away launch files and settings, which hold secrets, and the socket."""
    home.clear_environment()
    take_away(_directory(home))
    take_away(socket)
    if socket.parent != home.run and socket.parent.exists():
        socket.parent.rmdir()


def write_launches(home: Home, specs: Sequence[ProcessSpec]) -> None:
    """Write the file from which each process is started."""
    take_away(_directory(home))
    _directory(home).mkdir(mode=0o700)
    for spec in specs:
        number = int(signal.Signals[f"SIG{spec.stop_signal}"])
        launch = {
            "command": spec.command,
            "env": spec.env,
            "cwd": str(spec.cwd),
            "preloaded": spec.preloaded,
            # The process gets this signal when supervisord dies by `kill -9`.
            "death_signal": number,
            "record": str(_record_file(home, spec.name)),
            "ready": str(_ready_file(home, spec.name)),
            "restart_delay_seconds": _RESTART_DELAY_SECONDS,
            "stop_signal": number,
            "stop_wait_seconds": spec.stop_wait_seconds,
            "autorestart": spec.autorestart,
        }
        write_private(_launch_file(home, spec.name), json.dumps(launch))


def write_supervisord_launch(home: Home, program: list[str], *, tied: bool) -> None:
    """Write the file from which supervisord itself is started."""
    launch = {
        "command": program,
        "cwd": str(home.path),
        "death_signal": int(signal.SIGTERM) if tied else None,
        "subreaper": True,
    }
    write_private(_launch_file(home, "supervisord"), json.dumps(launch))


def stop_wait_seconds(home: Home, name: str) -> float:
    """Return how long a process may take to stop."""
    return _stop_wait(_read_json(_launch_file(home, name)))


def stop_signal(home: Home, name: str) -> signal.Signals:
    """Return the signal that tells a process to stop."""
    return _stop_signal(_read_json(_launch_file(home, name)))


def restarts_by_itself(home: Home, name: str) -> bool:
    """Tell whether a process is started again when it ends."""
    return bool(_read_json(_launch_file(home, name)).get("autorestart", True))


def record(home: Home, name: str) -> dict[str, Any]:
    """Return a process's own record of its latest start; empty before the first."""
    return _read_json(_record_file(home, name))


def has_begun(home: Home, name: str, pid: int) -> bool:
    """Tell whether this process id is the named process's latest start, by its own record."""
    return bool(pid) and record(home, name).get("pid") == pid


def note_stopper(home: Home) -> None:
    """Note that this process stops the running system, so that the one that starts it sees it."""
    identity = ProcessIdentity.of(os.getpid())
    if identity is not None:
        write_private(_stopper_file(home), json.dumps(asdict(identity)))


def forget_stopper(home: Home) -> None:
    """Remove that note."""
    take_away(_stopper_file(home))


def has_stopper(home: Home) -> bool:
    """Tell whether somebody has begun to stop the running system."""
    return _stopper_file(home).exists()


def has_living_stopper(home: Home) -> bool:
    """Tell whether the process that stops the running system is at it; it may have died."""
    try:
        return ProcessIdentity.from_record(_read_json(_stopper_file(home))).is_alive()
    except (KeyError, ValueError, TypeError):
        return False


def announced(home: Home, name: str) -> bool:
    """Tell whether a process has said, since its latest start, that it does its work."""
    return _ready_file(home, name).exists()


def stop_orphans(home: Home, run: Run) -> int:
    """End the processes that a crashed supervisor left behind; return their number.

    They are known by their recorded identity and by the run's mark, never by name.
    """
    orphans: dict[psutil.Process, signal.Signals] = {}
    patience = _LOST_CHILD_STOP_SECONDS
    for path in _directory(home).glob("*.record.json"):
        stored = _read_json(path)
        process = _recorded(stored)
        if process is None or stored.get("run_id") != run.run_id:
            continue
        launch = _read_json(_launch_file(home, path.name.removesuffix(".record.json")))
        orphans[process] = _stop_signal(launch)
        patience = max(patience, _stop_wait(launch))
        for child in processes.descendants(process):
            orphans.setdefault(child, signal.SIGCONT)  # its parent tells it to stop
    for process in processes.started_by_run(run.run_id):
        orphans.setdefault(process, signal.SIGTERM)
    processes.stop_all(orphans, patience)
    return len(orphans)


def _directory(home: Home) -> Path:
    return home.run / "processes"


def _launch_file(home: Home, name: str) -> Path:
    return _directory(home) / f"{name}.launch.json"


def _record_file(home: Home, name: str) -> Path:
    return _directory(home) / f"{name}.record.json"


def _stopper_file(home: Home) -> Path:
    return home.run / "stopper.json"


def _ready_file(home: Home, name: str) -> Path:
    return _directory(home) / f"{name}.ready"


def _running(home: Home) -> Run | None:
    """Find this home's supervisord among the processes, and return its run."""
    configuration = home.run / "supervisord.conf"
    for process in psutil.process_iter():
        try:
            ours = str(configuration) in process.cmdline()
            run_id = process.environ().get(launcher.RUN_VARIABLE) if ours else None
            identity = ProcessIdentity.of(process.pid) if run_id else None
            started_at = process.create_time()
        except (psutil.Error, OSError):
            continue  # another user's, or ended meanwhile
        if run_id is not None and identity is not None:
            socket = _configured_socket(configuration) or str(home.run / "supervisor.sock")
            return Run(
                identity.pid, identity.start_ticks, identity.boot_id, run_id, socket, started_at
            )
    return None


def _configured_socket(configuration: Path) -> str | None:
    parser = configparser.RawConfigParser()
    try:
        parser.read(configuration, encoding="utf-8")
        return parser.get("unix_http_server", "file")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return None


def _crashed(home: Home) -> Run | None:
    """The run that left records of processes. Its supervisord has ended."""
    for path in sorted(_directory(home).glob("*.record.json")):
        run_id = _read_json(path).get("run_id")
        if isinstance(run_id, str):
            return Run(0, 0, "", run_id, str(home.run / "supervisor.sock"), 0.0)
    return None


def _recorded(stored: dict[str, Any]) -> psutil.Process | None:
    try:
        return ProcessIdentity.from_record(stored).process()
    except (KeyError, ValueError, TypeError):
        return None  # damaged: the run's mark finds the process


def _stop_signal(launch: dict[str, Any]) -> signal.Signals:
    try:
        return signal.Signals(launch.get("stop_signal", signal.SIGTERM))
    except ValueError:
        return signal.SIGTERM


def _stop_wait(launch: dict[str, Any]) -> float:
    wait = launch.get("stop_wait_seconds", _STOP_SECONDS)
    return float(wait) if isinstance(wait, int | float) else float(_STOP_SECONDS)


def _read_json(path: Path) -> dict[str, Any]:
    """The stored object; empty when there is none that can be read."""
    try:
        return read_object(path) or {}
    except DamagedFileError as error:
        log.warning("%s: its defaults are used", error)
        return {}
