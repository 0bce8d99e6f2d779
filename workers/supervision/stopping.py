"""Lets a worker shut down warmly even if nobody reads its output any more.

Celery's handler of SIGTERM first prints on standard output that it stops. That pipe is broken after
the death of supervisord, and the handler would end in a BrokenPipeError. The consumer takes this
error for a lost broker, so that the worker would go on for ever.
"""

import signal
from types import FrameType

from celery.worker import state


def stop_without_a_reader() -> None:
    """Wraps Celery's handler. Call it in the worker's main process after Celery has installed the
    handler."""
    celerys = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        state.should_stop = 0  # the exit status
        if callable(celerys):
            try:
                celerys(number, frame)
            except BrokenPipeError:
                return  # the worker is asked to stop all the same

    signal.signal(signal.SIGTERM, stop)
