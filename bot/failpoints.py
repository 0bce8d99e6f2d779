"""Named points at which a test lets the process die, as `kill -9` would.

Armed only by settings (`MLRISK_FAILPOINT=name` or `name@marker-file`); with a marker file the
point fires once, however often the process is restarted.
"""

import os
import signal
from pathlib import Path

BEFORE_CLAIM_COMMIT = "before_claim_commit"
AFTER_CLAIM_COMMIT = "after_claim_commit"
AFTER_POST = "after_post"
AFTER_OUTCOME_COMMIT = "after_outcome_commit"
BEFORE_DECISION_COMMIT = "before_decision_commit"
AFTER_DECISION_COMMIT = "after_decision_commit"
BEFORE_FILL_COMMIT = "before_fill_commit"
AFTER_FILL_COMMIT = "after_fill_commit"

NAMES = frozenset(
    {
        BEFORE_CLAIM_COMMIT,
        AFTER_CLAIM_COMMIT,
        AFTER_POST,
        AFTER_OUTCOME_COMMIT,
        BEFORE_DECISION_COMMIT,
        AFTER_DECISION_COMMIT,
        BEFORE_FILL_COMMIT,
        AFTER_FILL_COMMIT,
    }
)

_armed: tuple[str, Path | None] | None = None


def arm(specification: str | None) -> None:
    """Arms one point of this process; None disarms. Raises ValueError for an unknown name."""
    global _armed
    if specification is None:
        _armed = None
        return
    name, _, marker = specification.partition("@")
    if name not in NAMES:
        raise ValueError(f"unknown failpoint {name!r}; known: {', '.join(sorted(NAMES))}")
    _armed = (name, Path(marker) if marker else None)


def hit(name: str) -> None:
    """Dies here when the point is armed."""
    if _armed is None or _armed[0] != name:
        return
    marker = _armed[1]
    if marker is not None:
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
