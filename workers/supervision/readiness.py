"""Lets a process tell its supervisor that it does its work.

The supervisor gives each process a path of its own. At each start the launcher removes the file
there, and the process makes it anew when it announces itself. Without a supervisor nothing happens.
"""

import logging
import os
from pathlib import Path

from workers.supervision.launcher import READY_VARIABLE

log = logging.getLogger(__name__)


def announce() -> None:
    """Announces it; a second call does no harm."""
    path = os.environ.get(READY_VARIABLE)
    if not path:
        return
    try:
        Path(path).touch(mode=0o600)
    except OSError as error:
        # This happens on a full disk. The work goes on, and only a start waits for the file.
        log.warning(
            "this process can't tell that it is ready: %s",
            error,
            extra={"event": "cant_announce_that_this_process_is_ready"},
        )
