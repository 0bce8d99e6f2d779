"""A file of lines that outlives a full disk. Lines without room wait in memory, in their order."""

import logging
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)


class LineFile:
    """Appends lines to one file and hands each to the operating system at once.

    On a full disk a write may be cut off in the middle of a line. The rest is written by the next
    `append` or `flush` that finds room, so that the file never holds half of a line for good.
    """

    def __init__(self, path: Path, mode: str) -> None:
        self._path = path
        self._file: IO[bytes] = path.open(mode, buffering=0)
        self._waiting = bytearray()

    @property
    def is_behind(self) -> bool:
        """Whether a part of the appended lines is not yet in the file."""
        return bool(self._waiting)

    def append(self, line: str) -> None:
        """Appends one line after those that wait."""
        was_behind = self.is_behind
        self._waiting += line.encode() + b"\n"
        self._write(told=was_behind)

    def flush(self) -> None:
        """Writes the waiting lines, as far as there is room."""
        if self._waiting:
            self._write(told=True)

    def close(self) -> None:
        """Writes the waiting lines a last time.

        Lines that still find no room are lost and logged.
        """
        self.flush()
        if self._waiting:
            log.error("%d bytes of %s are lost: the disk is full", len(self._waiting), self._path)
        self._file.close()

    def _write(self, *, told: bool) -> None:
        try:
            while self._waiting:
                del self._waiting[: self._file.write(self._waiting)]
        except OSError as error:
            if not told:
                log.critical(
                    "%s can't be written (%s): what it lacks waits in memory",
                    self._path,
                    error.strerror,
                )
        else:
            if told:
                log.warning("%s is written again, and lacks nothing", self._path)
