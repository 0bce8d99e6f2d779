"""Starts a program as an ordinary user when mlrisk itself runs as root; Postgres insists on it."""

import os
import signal
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from bot.errors import Refused
from workers.embedded import becoming
from workers.embedded.becoming import DIRECTORY_FD

UNPRIVILEGED_UID = 65534  # "nobody" on every Linux distribution
# CAP_DAC_READ_SEARCH, then CAP_DAC_OVERRIDE. Either one is enough to pass closed directories, and
# the first is the weaker one.
_PASSING = (1 << 2, 1 << 1)


class UnreachableError(Refused):
    """The unprivileged user can't reach a path that it needs."""


def running_as_root() -> bool:
    """Tell whether this process has uid 0."""
    return os.geteuid() == 0


def server_uid() -> int:
    """The id of the user that a server runs as."""
    return UNPRIVILEGED_UID if running_as_root() else os.geteuid()


def give_to_unprivileged(path: Path, *, place: int | None = None) -> None:
    """Hand a file or directory to the unprivileged user, if we are root.

    `place` is an open directory; `path` is then a name in it. A link is then handed over itself,
    not its target.
    """
    if running_as_root():
        uid, follow = UNPRIVILEGED_UID, place is None
        os.chown(path, uid, uid, dir_fd=place, follow_symlinks=follow)


def unprivileged(
    command: list[str],
    needs: Iterable[Path],
    *,
    death_signal: signal.Signals,
    entered: Path | None = None,
) -> list[str]:
    """Return the command line that runs `command` as an ordinary user without any capability.

    `entered` is a directory of that user's. If it lies below a closed directory (`/root`, a private
    temporary directory), the program gets it opened, and the command names it by its descriptor.
    `needs` are further paths that the program opens. If one of them lies below a closed directory,
    the program keeps one capability, the one to pass through. The command stays unchanged when we
    aren't root.
    """
    if not running_as_root():
        return command
    opened = "" if entered is None or reachable(entered / "content") else str(entered)
    if opened:
        command = [word.replace(opened, f"/proc/self/fd/{DIRECTORY_FD}") for word in command]
    closed = [path for path in needs if not reachable(path)]
    passing = _held_capability() if closed else 0
    if passing is None:
        raise UnreachableError(
            f"mlrisk runs as root, and the user {UNPRIVILEGED_UID} that must run "
            f"{Path(command[0]).name} can't reach {closed[0]}; "
            "run as an ordinary user, or use a directory that others may enter"
        )
    become = [sys.executable, "-I", "-S", becoming.__file__, str(UNPRIVILEGED_UID)]
    return [*become, str(int(death_signal)), str(passing), opened, *command]


def reachable(path: Path) -> bool:
    """Tell whether the unprivileged user may pass through every directory above `path`.

    Directories that don't exist yet are made by the caller and given to that user.
    """
    for parent in path.resolve().parents:
        if not parent.exists():
            continue
        status = parent.stat()
        own = status.st_uid == UNPRIVILEGED_UID
        if not status.st_mode & (stat.S_IXUSR if own else stat.S_IXOTH):
            return False
    return True


def _held_capability() -> int | None:
    """The mask of a capability for passing closed directories; containers often withhold one."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            return next((mask for mask in _PASSING if held & mask), None)
    return None
