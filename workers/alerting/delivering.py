"""One channel's side of the alerting process: its courier, which it ends when it takes too long."""

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bot.safety.alerts.messages import Message
from config.settings import PREFIX
from workers.alerting.courier import DELIVERED, READY
from workers.alerting.settings import Addressed

STARTING_SECONDS = 60.0
"""The time for a courier's start. It imports apprise, which takes a second on a free machine."""
TOO_LATE = "the channel did not answer in time"
ENDED = "the courier of the channel ended"
_PACKAGES = Path(__file__).resolve().parents[2]
_LONGEST_ANSWER = 4096


@dataclass
class Courier:
    """Hands messages to one channel by a process of its own.

    The process is started when it is needed, and killed when a message takes too long: a channel
    that hangs keeps nothing else waiting and leaves nothing behind.
    """

    addressed: Addressed
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def open(self) -> str | None:
        """Starts the process if there is none; returns why the channel can't be used."""
        if self._process is not None and self._process.poll() is None:
            return None
        self.close()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workers.alerting.courier"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_PACKAGES,
            env=_environment(),
        )
        # The address goes through the pipe, where nobody else reads it.
        answer = self._ask({"url": self.addressed.url}, STARTING_SECONDS)
        if answer == READY:
            return None
        self.close()
        return answer

    def send(self, message: Message, kind: str, timeout_seconds: float) -> str | None:
        """Hands over one message; returns why the channel has not taken it."""
        problem = self.open()
        if problem is not None:
            return problem
        said = {"title": message.title, "body": message.body, "type": kind}
        answer = self._ask(said, timeout_seconds)
        if answer == DELIVERED:
            return None
        if answer in (TOO_LATE, ENDED):
            self.close()
        return answer

    def close(self) -> None:
        """Ends the process at once."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _ask(self, said: dict[str, str], timeout_seconds: float) -> str:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return ENDED
        deadline = time.monotonic() + timeout_seconds
        try:
            process.stdin.write(json.dumps(said).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return ENDED
        return _line(process.stdout.fileno(), deadline)


def _line(pipe: int, deadline: float) -> str:
    """The next line of a pipe. A line that stops half-way is waited for no longer than all of
    it."""
    read = b""
    while not read.endswith(b"\n") and len(read) < _LONGEST_ANSWER:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return TOO_LATE
        part = os.read(pipe, _LONGEST_ANSWER)
        if not part:
            return ENDED
        read += part
    return read.decode("utf-8", "replace").strip()


def _environment() -> dict[str, str]:
    """This process's environment without our own settings, which a channel never needs."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
