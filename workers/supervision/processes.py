"""Names processes so that a recycled process id is never taken for one of ours, and ends them."""

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from workers.supervision.launcher import RUN_VARIABLE, boot_id, start_ticks

_BYTES_PER_MB = 1_000_000


@dataclass(frozen=True)
class ProcessIdentity:
    """A process id with the kernel's start time and boot: one process, and no later one."""

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """Return the identity of a living process."""
        ticks = start_ticks(pid)
        return None if ticks is None else cls(pid, ticks, boot_id())

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "ProcessIdentity":
        """Read an identity back from its JSON record."""
        return cls(int(record["pid"]), int(record["start_ticks"]), str(record["boot_id"]))

    def is_alive(self) -> bool:
        """Tell whether this very process still runs; a zombie does not."""
        return self.boot_id == boot_id() and start_ticks(self.pid) == self.start_ticks

    def process(self) -> psutil.Process | None:
        """Return a handle of the process if it is alive."""
        try:
            handle = psutil.Process(self.pid)
        except psutil.NoSuchProcess:
            return None
        # Checked after the handle exists: the handle notices by itself if the id is recycled now.
        return handle if self.is_alive() else None


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """Return every living process below this one."""
    try:
        return [child for child in process.children(recursive=True) if is_running(child)]
    except psutil.NoSuchProcess:
        return []


def families(root: psutil.Process) -> dict[int, list[psutil.Process]]:
    """Return, for each child of a process by its id, that child and everything below it."""
    below = {process.pid: process for process in descendants(root)}
    grouped: dict[int, list[psutil.Process]] = {}
    for process in below.values():
        top = process
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            while (parent := below.get(top.ppid())) is not None:
                top = parent
        grouped.setdefault(top.pid, []).append(process)
    return grouped


def is_running(process: psutil.Process) -> bool:
    """Tell whether a process runs. A zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def started_by_run(run_id: str) -> Iterator[psutil.Process]:
    """Find the living processes that carry the mark of one run in their environment.

    It finds grandchildren that lost their parent. Programs that overwrite their environment
    (Postgres) are found by their record instead.
    """
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            marked = process.environ().get(RUN_VARIABLE) == run_id
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess, OSError):
            continue  # another user's, or ended meanwhile: not one that we could stop
        if marked and is_running(process):
            yield process


def stop_all(
    processes: Mapping[psutil.Process, signal.Signals], timeout_seconds: float
) -> list[psutil.Process]:
    """Send each its signal, wait for all, and return those that had to be killed."""
    for process, number in processes.items():
        _send(process, number)
    return kill_survivors(processes, timeout_seconds)


def kill_survivors(
    processes: Iterable[psutil.Process], timeout_seconds: float
) -> list[psutil.Process]:
    """Wait for processes to end, then `kill -9`; return those that had to be killed."""
    _, waited = psutil.wait_procs([p for p in processes if is_running(p)], timeout_seconds)
    survivors = [process for process in waited if is_running(process)]
    for process in survivors:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(survivors, timeout_seconds)
    return survivors


def memory_mb(family: Iterable[psutil.Process]) -> float:
    """Return the memory of some processes in 10^6 bytes. Pages that they share are counted once."""
    return sum(_memory_bytes(process) for process in family) / _BYTES_PER_MB


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    try:
        return int(process.memory_info().rss)
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return 0


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
