"""Signals become one wish to stop; during a start it interrupts, later it only sets an event."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from console.runtime.signals import stop_wish

pytestmark = pytest.mark.usefixtures("hangup")

ROOT = Path(__file__).parents[4]
_SAYS_GOODBYE = """
import fcntl, pathlib, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from console.output import stderr
from console.runtime.signals import stop_wish

with stop_wish() as wish:
    print("ready", flush=True)
    assert wish.event.wait(60)
    stderr().print("stopping")
    print("stopped", flush=True)
pathlib.Path(sys.argv[1]).write_text("clean")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_sets_the_event_and_nothing_else(number: signal.Signals) -> None:
    with stop_wish() as wish:
        os.kill(os.getpid(), number)
        assert wish.event.wait(60)
        assert wish.number is number


def test_a_signal_interrupts_a_start_once_and_lets_the_clean_up_end() -> None:
    with stop_wish() as wish:
        with pytest.raises(KeyboardInterrupt), wish.interrupting():
            os.kill(os.getpid(), signal.SIGTERM)
        with wish.interrupting():
            os.kill(os.getpid(), signal.SIGINT)
        assert wish.event.is_set()


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_wish():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_closed_terminal_is_a_wish_to_stop_and_what_is_said_then_harms_nobody(
    tmp_path: Path,
) -> None:
    outcome = tmp_path / "outcome"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _SAYS_GOODBYE, str(outcome)],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    assert os.read(ours, 5) == b"ready"
    os.close(ours)
    assert process.wait(60) == 0
    assert outcome.read_text() == "clean"


def test_under_nohup_a_closed_terminal_is_no_wish() -> None:
    code = (
        "import os, signal\nfrom console.runtime.signals import stop_wish\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with stop_wish() as wish:\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    print(wish.event.is_set())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"
