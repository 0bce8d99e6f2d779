"""Ctrl-C, SIGTERM and a closed terminal as one wish to stop, from a system's start to its stop."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from workers.stop_event import StopEvent

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STANDARD_STREAMS = (0, 1, 2)


class StopWish:
    """A wish to stop. `event` is set once there is one; `number` is the signal that carried it."""

    def __init__(self) -> None:
        self.event = StopEvent()
        self.number: signal.Signals | None = None
        self._starting = False
        # Asked now, because `isatty` denies a terminal that was closed.
        self._terminals = [stream for stream in _STANDARD_STREAMS if os.isatty(stream)]

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Makes the wish raise KeyboardInterrupt in the block, because nothing there waits on the
        event."""
        self._starting = True
        try:
            yield
        finally:
            self._starting = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler. It notes the wish, and during a start it also interrupts the
        start."""
        del frame
        first = not self.event.is_set()
        self.number = self.number or signal.Signals(number)
        if number == signal.SIGHUP:
            self._leave_the_terminal()
        self.event.set()
        # Only the first signal interrupts; a second one must not cut the clean stop short.
        if self._starting and first:
            raise KeyboardInterrupt

    def _leave_the_terminal(self) -> None:
        """Discards all later output, because a write to a closed terminal is an error."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in self._terminals:
            os.dup2(nowhere, stream)
        os.close(nowhere)


@contextmanager
def stop_wish() -> Iterator[StopWish]:
    """Handles the stop signals within the block, and restores the former handlers after it.

    `nohup` ignores SIGHUP, so under it a closed terminal is no wish to stop.
    """
    wish = StopWish()
    taken = [n for n in _NUMBERS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, wish.handle) for number in taken}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
