"""How a process tells its supervisor that it does its work.

The supervisor hands each process a path of its own; the file there is missing from the moment the
process is started (again) until it announces itself. Without a supervisor nothing happens.
"""

import logging
import os
from pathlib import Path

from workers.supervision.launcher import READY_VARIABLE

log = logging.getLogger(__name__)


def announce() -> None:
    """Tells it; telling it twice does no harm."""
    path = os.environ.get(READY_VARIABLE)
    if not path:
        return
    try:
        Path(path).touch(mode=0o600)
    except OSError as error:
        # On a full disk: the work goes on, and only a start waits for the word.
        log.warning("can't announce that this process is ready: %s", error)
