"""A process that has imported our programs' modules, and whose copies become those programs.

A test's worker then needs a fraction of a second instead of three of a processor, as under the
supervisor. `python -m tests.support.processes.preloaded FD` is the server; tests use
`PreloadedPopen`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from tests.support.repository import ROOT
from workers.supervision.preloading import PADDING, become, preload


class PreloadedPopen:
    """A program that was started from the preloaded server; it has what tests use of `Popen`.

    The process leads a session of its own. Its output is added to `log`.
    """

    _lock: ClassVar[threading.Lock] = threading.Lock()
    _server: ClassVar["tuple[subprocess.Popen[bytes], socket.socket] | None"] = None

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.args = list(command)
        self.returncode: int | None = None
        answer = self._ask(start=self.args, env=dict(env), log=str(log), cwd=str(ROOT))
        self.pid = int(answer["pid"])

    def poll(self) -> int | None:
        """The process' status if it has ended; a negative one is the signal that killed it."""
        if self.returncode is None:
            self.returncode = self._ask(status=self.pid)["status"]
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end; raises `subprocess.TimeoutExpired` when it takes longer."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(0.02)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    @classmethod
    def _ask(cls, **question: Any) -> dict[str, Any]:
        with cls._lock:
            if cls._server is None:
                cls._server = _started()
            connection = cls._server[1]
            connection.sendall(json.dumps(question).encode() + b"\n")
            told = b""
            while not told.endswith(b"\n"):
                part = connection.recv(65536)
                assert part, "the preloaded server has ended: see its output"
                told += part
            answer: dict[str, Any] = json.loads(told)
            return answer


def _started() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.processes.preloaded",
                str(theirs.fileno()),
                PADDING,
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if not k.startswith("MLRISK_")},
            start_new_session=True,
        )
    return process, ours


def serve(connection: socket.socket) -> None:
    """Answers until the other side ends; then ends what it has started."""
    ended: dict[int, int] = {}
    started: set[int] = set()
    try:
        with connection.makefile("rb") as questions:
            for line in questions:
                _reap(ended)
                question = json.loads(line)
                if "start" in question:
                    pid = _fork(question)
                    started.add(pid)
                    answer: dict[str, Any] = {"pid": pid}
                else:
                    answer = {"status": ended.get(question["status"])}
                connection.sendall(json.dumps(answer).encode() + b"\n")
    finally:
        _reap(ended)
        for pid in started - ended.keys():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def _reap(ended: dict[int, int]) -> None:
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = os.waitstatus_to_exitcode(found[1])


def _fork(question: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        log = os.open(question["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        become(question["start"], question["env"], Path(question["cwd"]))
    finally:
        os._exit(1)


if __name__ == "__main__":
    preload()
    serve(socket.socket(fileno=int(sys.argv[1])))
