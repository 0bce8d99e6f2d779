"""A file that holds back room on the disk. It is deleted on a full disk, so that a halt can be
written."""

import logging
import os
from pathlib import Path

from bot.state import disk_room

log = logging.getLogger(__name__)

NAME = "ballast"
BYTES = 32 * disk_room.MB
FULL_BYTES = 64 * disk_room.MB
"""The free room below which the disk is full, in bytes. The next file of Postgres' log takes 16
MB."""


def hold(home: Path) -> None:
    """Make the file if there is much room. The system also runs without it."""
    path = home / NAME
    free = disk_room.free_bytes(home)
    if path.exists() or free is None or free < disk_room.ENOUGH_BYTES + BYTES:
        return
    unfinished = home / f".{NAME}.unfinished"
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BYTES)
        finally:
            os.close(descriptor)
        unfinished.replace(path)
    except OSError as error:
        log.warning(
            "the reserve file can't be made in %s: %s",
            home,
            error.strerror,
            extra={"event": "no_room_could_be_held_back_in"},
        )


def release_when_full(home: Path) -> bool:
    """Give the room up when the disk is full; tell whether that was done now."""
    free = disk_room.free_bytes(home)
    if free is None or free >= FULL_BYTES:
        return False
    try:
        (home / NAME).unlink()
    except OSError:
        return False  # given up already, or never held
    log.critical(
        "the disk is full: the reserve file of %d MB is deleted",
        BYTES // disk_room.MB,
        extra={"event": "the_disk_is_full_mb_that_were_held_back_are_given_up"},
    )
    return True
