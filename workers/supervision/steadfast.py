"""A supervisord that survives a full disk: log lines are lost, and no process is.

Run as a script, with supervisord's own arguments. Plain supervisord prints a line that it can't
store to its standard error, which is a file on the same disk. The second failure would end it with
every process that it runs.
"""

from pathlib import Path
from typing import Any

from supervisor import loggers, supervisord


class LossyFileHandler(loggers.RotatingFileHandler):
    """Drops lines that can't be stored, and stores again as soon as it can."""

    stream: Any

    def emit(self, record: Any) -> None:
        """Stores a record as supervisord does, but never raises."""
        try:
            if self.stream.closed:  # a rollover was cut off
                self.stream = Path(self.baseFilename).open("ab")  # noqa: SIM115
            super().emit(record)
        except (OSError, ValueError):
            return  # there is no place left for a message

    def handleError(self) -> None:  # noqa: N802
        """Does nothing: standard error is a file on the same disk."""

    def close(self) -> None:
        """Closes as supervisord does. Buffered lines may be lost."""
        try:
            super().close()
        except (OSError, ValueError):
            self.closed = True


def main() -> None:
    """Become supervisord."""
    loggers.RotatingFileHandler = LossyFileHandler
    supervisord.main()


if __name__ == "__main__":
    main()
