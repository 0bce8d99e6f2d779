"""supervisord that outlives its logs: on a full disk lines are lost and no process is.

Run as a script, with supervisord's own arguments. supervisord prints a line that it can't store to
its standard error. That is a file on the same disk: the second failure ended it, and with it every
process that it runs.
"""

from pathlib import Path
from typing import Any

from supervisor import loggers, supervisord


class LossyFileHandler(loggers.RotatingFileHandler):
    """Drops what can't be stored, and stores again as soon as it can."""

    stream: Any

    def emit(self, record: Any) -> None:
        """As supervisord does, never raising."""
        try:
            if self.stream.closed:  # a rollover was cut off
                self.stream = Path(self.baseFilename).open("ab")  # noqa: SIM115
            super().emit(record)
        except (OSError, ValueError):
            return  # nowhere is left to say it

    def handleError(self) -> None:  # noqa: N802
        """Says nothing: standard error is a file on the same disk."""

    def close(self) -> None:
        """As supervisord does; what is still buffered may be lost."""
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
