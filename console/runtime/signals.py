"""Ctrl-C, SIGTERM and a closed terminal as one wish to stop, from a system's start to its stop."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STANDARD_STREAMS = (0, 1, 2)


class StopWish:
    """`event` is set once somebody wants to stop; `number` is the signal that said so."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.number: signal.Signals | None = None
        self._starting = False
        # Asked now: a terminal that was closed doesn't call itself one any more.
        self._terminals = [stream for stream in _STANDARD_STREAMS if os.isatty(stream)]

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Within the block the wish raises KeyboardInterrupt: nothing there waits on the event."""
        self._starting = True
        try:
            yield
        finally:
            self._starting = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler: notes the wish; during a start it also breaks the start off."""
        del frame
        first = not self.event.is_set()
        self.number = self.number or signal.Signals(number)
        if number == signal.SIGHUP:
            self._leave_the_terminal()
        self.event.set()
        # Only the first one: the clean stop that follows must not be cut short.
        if self._starting and first:
            raise KeyboardInterrupt

    def _leave_the_terminal(self) -> None:
        """What is said from now on goes nowhere: a write to a closed terminal is an error."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in self._terminals:
            os.dup2(nowhere, stream)
        os.close(nowhere)


@contextmanager
def stop_wish() -> Iterator[StopWish]:
    """Takes the signals for the time of the block, and gives them back.

    Under `nohup`, which has SIGHUP ignored, a closed terminal is no wish to stop.
    """
    wish = StopWish()
    taken = [n for n in _NUMBERS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, wish.handle) for number in taken}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
