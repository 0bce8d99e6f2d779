"""A worker's warm shutdown also when nobody reads its output any more.

Celery's handler of SIGTERM first says on standard output that it stops. When supervisord was
killed, that pipe is broken: the handler would end in a BrokenPipeError, which the consumer takes
for a lost broker, and the worker would go on for ever without one.
"""

import signal
from types import FrameType

from celery.worker import state


def stop_without_a_reader() -> None:
    """Wraps Celery's handler; call it in the worker's main process when that is installed."""
    celerys = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        state.should_stop = 0  # the exit status
        if callable(celerys):
            try:
                celerys(number, frame)
            except BrokenPipeError:
                return  # it is asked to stop all the same

    signal.signal(signal.SIGTERM, stop)
