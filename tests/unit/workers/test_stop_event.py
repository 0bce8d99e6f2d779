"""A wish to stop reaches its waiters, also from a signal that comes at any moment of a wait."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tests.support.waiting import PATIENCE_SECONDS
from workers.stop_event import StopEvent

# Each signal comes at another moment of the wait, its first and last ones included.
_SIGNALS = """
import signal
from workers.stop_event import StopEvent

for number in range(3000):
    stop = StopEvent()
    signal.signal(signal.SIGALRM, lambda *_: stop.set())
    signal.setitimer(signal.ITIMER_REAL, (1 + number % 100) * 1e-6)
    while not stop.wait(0.0001):
        pass
print("each was heard")
"""


def test_a_signal_is_heard_at_any_moment_of_a_wait() -> None:
    """`threading.Event` instead hangs here after a few hundred signals.

    Four processes compete for the processor, because a wait through `queue.SimpleQueue` hangs only
    where something else takes the processor in the middle of it.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _SIGNALS], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    try:
        heard = [process.communicate(timeout=PATIENCE_SECONDS)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert heard == ["each was heard\n"] * 4


def test_a_wait_ends_after_its_timeout_and_its_pipe_with_it() -> None:
    for _ in range(200):
        assert StopEvent().wait(0.0001) is False
    mine = [entry for entry in Path("/proc/self/fd").iterdir() if "pipe:" in _target(entry)]
    assert len(mine) < 200


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:  # the listing's own, closed by now
        return ""


def test_it_stays_set_and_wakes_every_waiter() -> None:
    stop = StopEvent()
    assert not stop.is_set()
    assert stop.wait(0) is False
    heard: list[bool] = []
    threads = [threading.Thread(target=lambda: heard.append(stop.wait())) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.set()
    stop.set()
    for thread in threads:
        thread.join(60)
    assert heard == [True, True, True]
    assert stop.is_set()
    assert stop.wait(0)


def test_it_is_not_taken_back() -> None:
    stop = StopEvent()
    stop.set()
    with pytest.raises(RuntimeError, match="not taken back"):
        stop.clear()
    assert stop.is_set()


def test_no_handler_of_ours_sets_another_kind_of_event() -> None:
    """Whoever handles a signal by an event uses this one."""
    handlers = [
        path
        for room in ("bot", "console", "workers", "tasks")
        for path in (ROOT / room).rglob("*.py")
        if "signal.signal(" in (text := path.read_text()) and "threading.Event()" in text
    ]
    assert handlers == []
