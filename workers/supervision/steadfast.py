"""A supervisord that survives a full disk, and whose copies become our programs at once.

Run as a script, with supervisord's own arguments. A further last one (`preloading.PADDING`) asks
for preloading, and makes room for command lines.
Plain supervisord prints a log line that it can't store to its standard error, which is a file on
the same disk. The second failure would end it with every process that it runs. This one loses the
line and no process.

With preloading it imports our programs' modules first (`workers.supervision.preloading`). A program
that may be preloaded is not executed then: the forked copy becomes it. Its process id, parent and
signals are those that an executed program would have.
"""

import os
import sys
from pathlib import Path
from typing import Any

from supervisor import loggers, options, supervisord

if __name__ == "__main__":
    # Our packages may lie where they are not installed.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from workers.supervision import launcher, preloading


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


class ForkingOptions(options.ServerOptions):
    """Lets the forked child become a preloaded program instead of executing the launcher."""

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> None:
        """Become the program of the launch file, which is the last argument."""
        launch = launcher.read(argv[-1])
        if not launch.get("preloaded"):
            super().execve(filename, argv, env)
            return
        os.environ.clear()
        os.environ.update(env)
        launcher.prepare(launch)
        preloading.become(
            launch["command"], launcher.environment_of(launch), Path(launch["cwd"] or "/")
        )


def main() -> None:
    """Become supervisord."""
    if sys.argv[-1] == preloading.PADDING:
        sys.argv.pop()
        preloading.preload()
    loggers.RotatingFileHandler = LossyFileHandler
    supervisord.ServerOptions = ForkingOptions
    supervisord.main()


if __name__ == "__main__":
    main()
