"""Named points at which a test lets the process die, as `kill -9` would, or freeze.

Armed only by settings, `MLRISK_FAILPOINT=[stop:]NAME[@MARKER]`:

- `after_post` kills at every visit;
- `after_post@FILE` kills once, however often the process is restarted: the file is the proof;
- `after_post@DIRECTORY/` kills once for each subject (the parent's algorithm): one file each;
- `stop:` before the name freezes the process (SIGSTOP) until somebody sends SIGCONT.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

BEFORE_CLAIM_COMMIT = "before_claim_commit"
AFTER_CLAIM_COMMIT = "after_claim_commit"
BEFORE_POST = "before_post"
AFTER_POST = "after_post"
BEFORE_OUTCOME_COMMIT = "before_outcome_commit"
AFTER_OUTCOME_COMMIT = "after_outcome_commit"
BEFORE_DECISION_COMMIT = "before_decision_commit"
AFTER_DECISION_COMMIT = "after_decision_commit"
BEFORE_FILL_COMMIT = "before_fill_commit"
AFTER_FILL_COMMIT = "after_fill_commit"
BEFORE_RECORD_COMMIT = "before_record_commit"
"""The exchange's record of an order, as opposed to its fills."""
AFTER_RECORD_COMMIT = "after_record_commit"
IN_STEP = "in_step"
"""The place where a parent's algorithm decides."""
BEFORE_STEP_COMMIT = "before_step_commit"
AFTER_STEP_COMMIT = "after_step_commit"
AFTER_CANCEL = "after_cancel"
BEFORE_EXPIRY_COMMIT = "before_expiry_commit"
"""Planned children that never went out by their deadline."""
AFTER_EXPIRY_COMMIT = "after_expiry_commit"
IN_SEQUENCING = "in_sequencing"
"""Entries have their leaves in the audit log, and no checkpoint is signed."""
BEFORE_SEQUENCE_COMMIT = "before_sequence_commit"
AFTER_SEQUENCE_COMMIT = "after_sequence_commit"
AFTER_SUBMISSION = "after_submission"
"""The witness can read the checkpoint."""
IN_ARCHIVE = "in_archive"
"""A part of an archive is in a file that has not its name yet."""
AFTER_ARCHIVE = "after_archive"
"""The archive is whole, and no entry declares it."""
AFTER_ARCHIVE_ENTRY = "after_archive_entry"
"""The archive is declared, and every payload is still in the database."""
BEFORE_REMOVAL_COMMIT = "before_removal_commit"
"""Payloads of a batch give way, and nothing of it is committed."""
AFTER_REMOVAL_COMMIT = "after_removal_commit"

AUDIT_POINTS = frozenset(
    {
        IN_SEQUENCING,
        BEFORE_SEQUENCE_COMMIT,
        AFTER_SEQUENCE_COMMIT,
        AFTER_SUBMISSION,
        IN_ARCHIVE,
        AFTER_ARCHIVE,
        AFTER_ARCHIVE_ENTRY,
        BEFORE_REMOVAL_COMMIT,
        AFTER_REMOVAL_COMMIT,
    }
)
"""The points of the audit log and its archives. No order comes by them."""
NAMES = frozenset(
    {
        BEFORE_CLAIM_COMMIT,
        AFTER_CLAIM_COMMIT,
        BEFORE_POST,
        AFTER_POST,
        BEFORE_OUTCOME_COMMIT,
        AFTER_OUTCOME_COMMIT,
        BEFORE_DECISION_COMMIT,
        AFTER_DECISION_COMMIT,
        BEFORE_FILL_COMMIT,
        AFTER_FILL_COMMIT,
        BEFORE_RECORD_COMMIT,
        AFTER_RECORD_COMMIT,
        IN_STEP,
        BEFORE_STEP_COMMIT,
        AFTER_STEP_COMMIT,
        AFTER_CANCEL,
        BEFORE_EXPIRY_COMMIT,
        AFTER_EXPIRY_COMMIT,
        *AUDIT_POINTS,
    }
)

_STOP = "stop:"


@dataclass(frozen=True, slots=True)
class _Armed:
    name: str
    signal: signal.Signals
    marker: Path | None
    per_subject: bool
    """The marker is a directory with one file for each subject."""


_armed: _Armed | None = None


def arm(specification: str | None) -> None:
    """Arms one point of this process; None disarms. Raises ValueError for an unknown name."""
    global _armed
    _armed = None if specification is None else _parse(specification)


def hit(name: str, subject: str = "") -> None:
    """Dies or freezes here when the point is armed, and hasn't struck (this subject) before."""
    if _armed is None or _armed.name != name:
        return
    if _armed.marker is not None:
        marker = _armed.marker / subject if _armed.per_subject else _armed.marker
        if not _is_first(marker):
            return
    os.kill(os.getpid(), _armed.signal)


def _parse(specification: str) -> _Armed:
    point, _, marker = specification.removeprefix(_STOP).partition("@")
    if point not in NAMES:
        raise ValueError(f"unknown failpoint {point!r}; known: {', '.join(sorted(NAMES))}")
    return _Armed(
        point,
        signal.SIGSTOP if specification.startswith(_STOP) else signal.SIGKILL,
        Path(marker) if marker else None,
        per_subject=marker.endswith("/"),
    )


def _is_first(marker: Path) -> bool:
    """Only one process makes the file, even when several arrive at the same time."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
