"""How much room the disk has: new risk stops while Postgres can still write.

Postgres on a full disk ends what it is asked for, a halt and an exit included. So what adds risk
stops first, and the rest of the room is for what makes safe.
"""

import shutil
from pathlib import Path

MB = 1 << 20
LOW_BYTES = 256 * MB
"""Some hours of exits and halts, with Postgres' own files for its next minutes."""
ENOUGH_BYTES = 512 * MB
"""So far from the other limit that a file that comes and goes doesn't open and close the door."""
CODE = "disk_nearly_full"


def free_bytes(home: Path) -> int | None:
    """What is free for Postgres' files in a home; None where there is no home."""
    for place in (home / "postgres", home):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def shortage(home: Path) -> str | None:
    """Why nothing may add risk; None when there is room, or the database isn't in this home.

    Without a number, which would be news at each reading.
    """
    free = free_bytes(home)
    if free is None or free >= LOW_BYTES:
        return None
    return (
        f"{CODE}: less than {LOW_BYTES // MB} MB are free for {home}; what adds risk goes on by "
        f"itself when {ENOUGH_BYTES // MB} MB are"
    )


def is_back(home: Path) -> bool:
    """Tell whether there is enough room to go on."""
    free = free_bytes(home)
    return free is None or free >= ENOUGH_BYTES
