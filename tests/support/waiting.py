"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable
from typing import Any

# How long a busy machine may take for anything. Whoever waits goes on at once when it happens, so
# that patience costs nothing but a failing test's time.
PATIENCE_SECONDS = 90.0
START_SECONDS = 600.0
"""For the start of everything that `mlrisk up` starts: a dozen Pythons at once."""


def eventually(
    condition: Callable[[], Any], what: str = "it", seconds: float = PATIENCE_SECONDS
) -> Any:
    """The first true answer; fails with `what` was waited for when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return answer
