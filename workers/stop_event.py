"""An event that a signal handler may set."""

import os
import select
import signal
import threading
import time
import weakref

LONGEST_WAIT_SECONDS = 0.5
"""Python runs a handler only between its own steps. A signal that comes just before the process
falls asleep in the kernel is therefore heard when that sleep ends."""


class StopEvent(threading.Event):
    """A wish to stop that is safe to set in a signal handler.

    `threading.Event.set` takes a lock that `wait` holds for moments. A handler runs in the main
    thread. When the signal comes in such a moment while the main thread waits, the handler waits
    for its own thread for ever. `queue.SimpleQueue.get` is no cure: on a busy machine Python 3.11
    waits there for ever once a timeout has passed at the wrong moment. This class wakes its waiters
    through a pipe that nobody reads. Once set it stays set.
    """

    def __init__(self) -> None:
        super().__init__()
        self._wished = False
        self._reader, self._writer = os.pipe()
        weakref.finalize(self, _close, self._reader, self._writer)

    def is_set(self) -> bool:
        """Whether somebody wishes a stop."""
        return self._wished

    def set(self) -> None:
        """Wishes a stop and wakes all waiters."""
        if not self._wished:
            self._wished = True
            os.write(self._writer, b"\0")

    def clear(self) -> None:
        """Raises RuntimeError: a wish to stop is not taken back."""
        raise RuntimeError("a wish to stop is not taken back")

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for the wish, at most `timeout` seconds; returns whether there is one."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._wished:
            left = LONGEST_WAIT_SECONDS
            if deadline is not None:
                left = min(left, deadline - time.monotonic())
            if left <= 0:
                break
            self._poll(left)
        return self._wished

    def _poll(self, seconds: float) -> None:
        # A poll object is used by one thread at a time, so that each waiter makes its own.
        woken = select.poll()
        woken.register(self._reader, select.POLLIN)
        woken.poll(seconds * 1000)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def stop_by_signal() -> StopEvent:
    """A new wish to stop that SIGTERM and SIGINT set in this process from now on."""
    stop = StopEvent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
