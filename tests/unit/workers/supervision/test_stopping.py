"""SIGTERM in a worker's main process whose output nobody reads."""

import signal
import subprocess
import sys

_WORKER = """
import os, signal, time
from celery.worker import state
from workers.supervision.stopping import stop_without_a_reader

def celerys(number, frame):
    os.write(1, b"worker: Warm shutdown")
    state.should_stop = 0

signal.signal(signal.SIGTERM, celerys)
{wrap}
try:
    print("up", flush=True)
    while state.should_stop is None:
        time.sleep(0.01)
except OSError as error:
    raise SystemExit(f"out of the handler: {{type(error).__name__}}")
"""


def _told_without_a_reader(wrap: str) -> tuple[int, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER.format(wrap=wrap)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert process.stdout.readline() == "up\n"
        process.stdout.close()
        process.send_signal(signal.SIGTERM)
        return process.wait(60), process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_worker_stops_although_it_can_not_say_so() -> None:
    assert _told_without_a_reader("stop_without_a_reader()") == (0, "")


def test_without_the_wrapper_the_handler_fails_before_it_stops_anything() -> None:
    """What the wrapper is for: Celery says it first, and fails there."""
    status, said = _told_without_a_reader("")
    assert (status, said.strip()) == (1, "out of the handler: BrokenPipeError")
