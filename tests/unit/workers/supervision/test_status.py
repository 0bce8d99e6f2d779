"""The state of a process is what its own record says, where supervisord knows less."""

import json
import os
import time
from typing import Any

import pytest

from workers.home import Home
from workers.supervision import launches
from workers.supervision.launches import Run
from workers.supervision.processes import ProcessIdentity
from workers.supervision.status import status_of

PID = os.getpid()


def run() -> Run:
    own = ProcessIdentity.of(PID)
    return Run(PID, own.start_ticks, own.boot_id, "r-1", "socket", time.time() - 60)


def info(state: str, pid: int = PID) -> dict[str, Any]:
    return {"name": "feed", "pid": pid, "statename": state}


def recorded(home: Home, **values: Any) -> None:
    path = launches._record_file(home, "feed")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize(
    ("record", "said", "told"),
    [
        ({"pid": PID, "runs_from": time.time() - 30, "starts": 3}, "RUNNING", "RUNNING"),
        # The launcher spaces the starts: its program has not begun.
        ({"pid": PID, "runs_from": time.time() + 86_400, "starts": 2}, "RUNNING", "BACKOFF"),
        ({"pid": PID + 1, "runs_from": time.time(), "starts": 1}, "RUNNING", "STARTING"),
        ({}, "EXITED", "BACKOFF"),
        ({}, "FATAL", "FATAL"),
    ],
)
def test_the_launchers_record_corrects_supervisord(
    home: Home, record: dict[str, Any], said: str, told: str
) -> None:
    recorded(home, **record)
    _, found = status_of(home, run(), [info(said)])
    assert found.state == told
    assert found.restarts == max(0, record.get("starts", 1) - 1)
    assert found.uptime_seconds >= 0


def test_supervisord_itself_comes_first_with_its_memory(home: Home) -> None:
    (own,) = status_of(home, run(), [])
    assert (own.name, own.state, own.pid) == ("supervisord", "RUNNING", PID)
    assert own.uptime_seconds >= 60
    assert own.memory_mb > 1
