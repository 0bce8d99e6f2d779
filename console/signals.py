"""Ctrl-C and SIGTERM as one wish to stop, while a system is started, watched and stopped."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class StopWish:
    """`event` is set once somebody wants to stop; `number` is the signal that said so."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.number: signal.Signals | None = None
        self._starting = False

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Within the block the wish raises KeyboardInterrupt: nothing there waits on the event."""
        self._starting = True
        try:
            yield
        finally:
            self._starting = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        first = not self.event.is_set()
        self.number = self.number or signal.Signals(number)
        self.event.set()
        # Only the first one: the clean stop that follows must not be cut short.
        if self._starting and first:
            raise KeyboardInterrupt


@contextmanager
def stop_wish() -> Iterator[StopWish]:
    """Takes both signals for the time of the block, and gives them back."""
    wish = StopWish()
    before = {number: signal.signal(number, wish.handle) for number in _NUMBERS}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
