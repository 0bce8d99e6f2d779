"""Room on the disk: new risk stops while Postgres can still write.

Postgres on a full disk fails every request, halts and exits included. Entries therefore stop first,
and the remaining room is for halts and exits.
"""

import shutil
from pathlib import Path

MB = 1 << 20
LOW_BYTES = 256 * MB
"""The room that stops entries: some hours of exits and halts, with Postgres' own files for its next
minutes."""
ENOUGH_BYTES = 512 * MB
"""The room from which entries go on: far enough from the other limit that a temporary file does not
switch between them."""
CODE = "disk_nearly_full"


def free_bytes(home: Path) -> int | None:
    """The free bytes for Postgres' files in a home; None without a home."""
    for place in (home / "postgres", home):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def shortage(home: Path) -> str | None:
    """Why nothing may add risk; None when there is room, or the database isn't in this home.

    The sentence has no number, because a number would be new at each reading.
    """
    free = free_bytes(home)
    if free is None or free >= LOW_BYTES:
        return None
    return (
        f"{CODE}: less than {LOW_BYTES // MB} MB are free for {home}; entries go on by "
        f"themselves once {ENOUGH_BYTES // MB} MB are free"
    )


def is_back(home: Path) -> bool:
    """Whether there is enough room to go on."""
    free = free_bytes(home)
    return free is None or free >= ENOUGH_BYTES
