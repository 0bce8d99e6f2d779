"""An event that a signal handler may set."""

import queue
import signal
import threading


class StopEvent(threading.Event):
    """A wish to stop that is safe to set in a signal handler.

    `threading.Event.set` takes a lock that `wait` holds for moments. A handler runs in the main
    thread. When the signal comes in such a moment while the main thread waits, the handler waits
    for its own thread for ever. This class wakes its waiters through a `queue.SimpleQueue`, whose
    `put` is reentrant. Once set it stays set.
    """

    def __init__(self) -> None:
        super().__init__()
        self._wished = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()

    def is_set(self) -> bool:
        """Whether somebody wishes a stop."""
        return self._wished

    def set(self) -> None:
        """Wishes a stop and wakes all waiters."""
        self._wished = True
        self._wake.put(None)

    def clear(self) -> None:
        """Raises RuntimeError: a wish to stop is not taken back."""
        raise RuntimeError("a wish to stop is not taken back")

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for the wish, at most `timeout` seconds; returns whether there is one."""
        if self._wished:
            return True
        try:
            self._wake.get(timeout=None if timeout is None else max(0.0, timeout))
        except queue.Empty:
            return self._wished
        self._wake.put(None)  # the next waiter wakes as well
        return True


def stop_by_signal() -> StopEvent:
    """A new wish to stop that SIGTERM and SIGINT set in this process from now on."""
    stop = StopEvent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
