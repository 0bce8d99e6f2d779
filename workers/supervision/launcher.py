"""Becomes another program after tying its life to the process that started it.

Run as a script with one argument, the path of a JSON file, by an interpreter in isolated mode: it
may import nothing but the standard library. It records its process id and start time, then replaces
itself by `exec`. Both therefore stay those of the program. A copy of supervisord prepares itself in
the same way (`steadfast.py`).
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

# Not MLRISK_*: the settings refuse names that they do not know.
PARENT_VARIABLE = "SUPERVISED_PARENT"
RUN_VARIABLE = "SUPERVISED_RUN"
READY_VARIABLE = "SUPERVISED_READY"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_RECORD_BYTES = 512
_START_TICKS_FIELD = 19  # counted after the command name, which may itself contain spaces


def start_ticks(pid: int) -> int | None:
    """Return the kernel's start time of a process in clock ticks; None if it is gone.

    Together with the process id it names one process for as long as the machine is up.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    # A zombie has ended; it only waits for its parent to notice.
    return None if state in "ZX" else int(fields[_START_TICKS_FIELD - 1])


def boot_id() -> str:
    """Return the kernel's name of this boot; start times of another boot mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def main(arguments: list[str]) -> None:
    """Read the launch file, prepare this process and become the command in it."""
    launch = read(arguments[1])
    prepare(launch)
    if launch.get("cwd"):
        os.chdir(launch["cwd"])
    command = launch["command"]
    os.execvpe(command[0], command, environment_of(launch))  # noqa: S606


def read(path: str) -> dict[str, Any]:
    """Return the launch in a file."""
    launch: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return launch


def environment_of(launch: dict[str, Any]) -> dict[str, str]:
    """Return the whole environment of a launch's command, once the process is prepared."""
    return {**os.environ, **launch.get("env", {})}


def prepare(launch: dict[str, Any]) -> None:
    """Tie this process to its parent, and record its identity."""
    parent = os.environ.pop(PARENT_VARIABLE, None)
    _restore_default_signals()
    # A core file would hold keys and passwords.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # An intruder in one of our processes can't become another user by a set-user-id program.
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if launch.get("death_signal") is not None:
        _prctl(_PR_SET_PDEATHSIG, int(launch["death_signal"]))
        if parent is not None and os.getppid() != int(parent):
            sys.exit("the process that started this one has already ended")
    if launch.get("subreaper"):
        # Grandchildren that lose their parent stay in this process's tree and can be found.
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        os.environ[PARENT_VARIABLE] = str(os.getpid())
    if launch.get("ready"):
        Path(launch["ready"]).unlink(missing_ok=True)
        os.environ[READY_VARIABLE] = launch["ready"]
    if launch.get("record"):
        _record_and_wait(Path(launch["record"]), float(launch["restart_delay_seconds"]))


def _restore_default_signals() -> None:
    """Restore the default signals: a shell's background job ignores SIGINT, and `exec` would hand
    that on."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


def _record_and_wait(path: Path, restart_delay_seconds: float) -> None:
    """Record this process's identity, then wait if its predecessor started only just now."""
    previous = _previous(path)
    same_run = previous.get("run_id") == os.environ.get(RUN_VARIABLE)
    now = time.time()
    ready_at = now
    if same_run and now - float(previous["runs_from"]) < restart_delay_seconds:
        ready_at = now + restart_delay_seconds
    record = {
        "pid": os.getpid(),
        "start_ticks": start_ticks(os.getpid()),
        "boot_id": boot_id(),
        "run_id": os.environ.get(RUN_VARIABLE),
        "runs_from": ready_at,
        "starts": int(previous["starts"]) + 1 if same_run else 1,
    }
    _write(path, json.dumps(record).ljust(_RECORD_BYTES))
    time.sleep(ready_at - now)


def _previous(path: Path) -> dict[str, Any]:
    """The record of the start before; empty when there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: found[name] for name in ("run_id", "runs_from", "starts")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write(path: Path, text: str) -> None:
    """Replace the record. On a full disk overwrite the former record, which needs no more room.

    The process starts even if its record can't be written.
    """
    unfinished = path.with_suffix(".new")
    try:
        unfinished.write_text(text, encoding="ascii")
        unfinished.replace(path)
    except OSError:
        try:
            unfinished.unlink(missing_ok=True)
            with path.open("r+", encoding="ascii") as stream:
                stream.write(text)
        except OSError as error:
            sys.stderr.write(f"this start is not on record: {error}\n")


if __name__ == "__main__":
    main(sys.argv)
