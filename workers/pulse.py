"""A file by whose age others see that a worker does its work.

A health check reads it within milliseconds. A ping would cost half a second of a processor, and a
worker that takes no messages any more answers it.
"""

import os
import time
from pathlib import Path

PULSE_VARIABLE = "WORKER_PULSE"
"""The environment variable with the file's path. Without it nobody looks at this worker, as under a
supervisor, which has a process for that."""
FRESH_SECONDS = 45.0
"""The age at which the file is too old. A worker at work touches it every two seconds."""


def path() -> Path | None:
    """The path of this worker's file; None when it has none."""
    found = os.environ.get(PULSE_VARIABLE)
    return Path(found) if found else None


def is_fresh(file: Path) -> bool:
    """Whether the worker has touched its file lately."""
    try:
        touched = file.stat().st_mtime
    except FileNotFoundError:
        return False
    return abs(time.time() - touched) < FRESH_SECONDS
