"""Starts a program as an ordinary user when mlrisk itself runs as root; Postgres insists on it."""

import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from bot.errors import Refused

UNPRIVILEGED_UID = 65534  # "nobody" on every Linux distribution
# The first one that we hold is enough to pass closed directories; it is the weaker one.
_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}

# Used where util-linux is absent; the death signal must come after the change of user, which
# clears it, so the launcher cannot set it.
_DROP_AND_EXEC = (
    "import ctypes, os, sys; uid, death = int(sys.argv[1]), int(sys.argv[2]); os.setgroups([]); "
    "os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid); "
    "ctypes.CDLL(None).prctl(1, death, 0, 0, 0); os.execv(sys.argv[3], sys.argv[3:])"
)


class UnreachableError(Refused):
    """The unprivileged user can't reach a path that it needs."""


def running_as_root() -> bool:
    """Tell whether this process has uid 0."""
    return os.geteuid() == 0


def give_to_unprivileged(path: Path) -> None:
    """Hand a file or directory to the unprivileged user, if we are root."""
    if running_as_root():
        os.chown(path, UNPRIVILEGED_UID, UNPRIVILEGED_UID)


def unprivileged(
    command: list[str], needs: Iterable[Path], *, death_signal: signal.Signals
) -> list[str]:
    """Return the command line that runs `command` as an ordinary user.

    `needs` are paths that the program opens. Where one lies below a closed directory (`/root`,
    a private temporary directory), the program keeps one capability, the one to pass through.
    Unchanged when we aren't root.
    """
    if not running_as_root():
        return command
    closed = [path for path in needs if not _reachable(path)]
    setpriv = shutil.which("setpriv")
    passing = _held_capability() if closed and setpriv else None
    if closed and passing is None:
        raise UnreachableError(
            f"mlrisk runs as root, and the user {UNPRIVILEGED_UID} that must run "
            f"{Path(command[0]).name} can't reach {closed[0]}; install util-linux (setpriv), "
            "run as an ordinary user, or use a directory that others may enter"
        )
    if setpriv is None:
        uid = str(UNPRIVILEGED_UID)
        drop = [sys.executable, "-I", "-S", "-c", _DROP_AND_EXEC, uid, str(int(death_signal))]
        return [*drop, *command]
    prefix = [setpriv, f"--reuid={UNPRIVILEGED_UID}", f"--regid={UNPRIVILEGED_UID}"]
    prefix += ["--clear-groups", f"--pdeathsig={death_signal.name[3:]}"]
    if passing is not None:
        prefix += [f"--inh-caps=+{passing}", f"--ambient-caps=+{passing}"]
    return [*prefix, "--", *command]


def _reachable(path: Path) -> bool:
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


def _held_capability() -> str | None:
    """Name a capability for passing closed directories; containers often withhold one."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            mask = int(line.split()[1], 16)
            return next((name for name, bit in _CAPABILITIES.items() if mask & (1 << bit)), None)
    return None
