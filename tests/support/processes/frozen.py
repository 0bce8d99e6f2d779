"""A worker process that freezes itself (SIGSTOP) at a chosen point, with its locks held.

`python -m tests.support.processes.frozen URL gate REQUEST_ID` freezes inside the gate's
transaction, `claim CHILD_ID` inside a claim's, `state SCOPE_KEY` while it changes the
global trading state, and `post CHILD_ID` before the post. Once it is let go on it prints what came
of it as JSON.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.execution.sending import claims
from bot.state import snapshots
from models.database import Database
from models.enums import ScopeKind
from models.repositories.safety import states
from tests.support.desk import ACCOUNT, Desk

_PATIENCE_SECONDS = 60


@dataclass
class Frozen:
    """The stopped process."""

    process: "subprocess.Popen[str]"

    def go_on(self) -> dict[str, Any]:
        """Lets it run to its end; what it printed."""
        self.process.send_signal(signal.SIGCONT)
        out, _ = self.process.communicate(timeout=_PATIENCE_SECONDS)
        told: dict[str, Any] = json.loads(out)
        return told


@contextmanager
def frozen(url: str, point: str, what: object) -> Iterator[Frozen]:
    """A process that has stopped at the point; ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.processes.frozen", url, point, str(what)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"it ended instead of stopping: {status}"
        yield Frozen(process)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _after_freezing(function: Callable[..., Any]) -> Callable[..., Any]:
    def frozen_first(*arguments: Any, **named: Any) -> Any:
        _freeze()
        return function(*arguments, **named)

    return frozen_first


def _act(desk: Desk, point: str, what: str) -> str:
    if point == "gate":
        snapshots.take = _after_freezing(snapshots.take)
        return str(desk.approve(what)["verdict"])
    if point == "state":
        with desk.db.unit_of_work() as uow:
            states.lock_state(
                uow.session, ScopeKind.GLOBAL, what, now=desk.clock.now(), actor="frozen"
            )
            _freeze()
            uow.commit()
        return "committed"
    if point == "claim":
        claims.pre_send.read = _after_freezing(claims.pre_send.read)  # type: ignore[attr-defined]
    else:
        desk.exchange.before_post = _freeze
    return desk.sender.send(int(what), ACCOUNT).value


def main(url: str, point: str, what: str) -> None:
    desk = Desk(Database(url))
    try:
        outcome = _act(desk, point, what)
    except Exception as error:  # noqa: BLE001 - which one it is is what is told
        outcome = f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps({"outcome": outcome, "posts": desk.exchange.posts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
