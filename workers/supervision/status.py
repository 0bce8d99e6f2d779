"""The state of each process of a running system."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from workers.home import Home
from workers.supervision import launches, processes
from workers.supervision.launches import Run


@dataclass(frozen=True)
class ProcessStatus:
    """The state of one process. `state` is supervisord's word; `restarts` counts the starts after
    the first in this run.

    `memory_mb` is in 10^6 bytes with all child processes, shared pages counted once.
    """

    name: str
    state: str
    pid: int | None
    uptime_seconds: float
    restarts: int
    memory_mb: float


def status_of(home: Home, run: Run, infos: Iterable[Mapping[str, Any]]) -> list[ProcessStatus]:
    """Return supervisord's own status, then that of each process in `infos`."""
    handle = run.identity.process()
    families = processes.families(handle) if handle else {}
    own = ProcessStatus(
        name="supervisord",
        state="RUNNING",
        pid=run.pid,
        uptime_seconds=time.time() - run.started_at,
        restarts=0,
        memory_mb=processes.memory_mb([handle] if handle else []),
    )
    return [own, *(_one(home, info, families) for info in infos)]


def _one(
    home: Home, info: Mapping[str, Any], families: Mapping[int, list[psutil.Process]]
) -> ProcessStatus:
    name, pid = str(info["name"]), int(info["pid"])
    record = launches.record(home, name)
    current = bool(pid) and record.get("pid") == pid
    runs_for = time.time() - float(record["runs_from"]) if current else 0.0
    return ProcessStatus(
        name=name,
        state=_state(home, info, current=current, waits=runs_for < 0),
        pid=pid or None,
        uptime_seconds=max(0.0, runs_for),
        restarts=max(0, int(record.get("starts", 1)) - 1),
        memory_mb=processes.memory_mb(families.get(pid, [])),
    )


def _state(home: Home, info: Mapping[str, Any], *, current: bool, waits: bool) -> str:
    """Correct supervisord's state: it doesn't know that the launcher spaces the starts."""
    state = str(info["statename"])
    if state == "RUNNING" and waits:
        return "BACKOFF"
    if state == "RUNNING" and not current:
        return "STARTING"
    if state == "EXITED" and launches.restarts_by_itself(home, str(info["name"])):
        return "BACKOFF"
    return state
