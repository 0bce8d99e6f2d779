"""A disk that is full for one process, without a disk of one's own: no file may grow."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import redis

from tests.support.services import RedisServer
from tests.support.waiting import eventually


@contextmanager
def full_after(path: Path, more: int) -> Iterator[None]:
    """A file takes so many more bytes, and what goes beyond is cut off and fails, as on a disk.

    Every file of the process is held to that size, so the block does nothing else.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.stat().st_size if path.exists() else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


_BOUND = (
    "import os, resource, sys; pid, user, group, size = map(int, sys.argv[1:]); "
    "what = resource.RLIMIT_FSIZE; "
    "os.setresgid(group, group, group); os.setresuid(user, user, user); "
    "resource.prlimit(pid, what, (size, resource.prlimit(pid, what)[1]))"
)


def let_files_grow(server: RedisServer, size: int) -> None:
    """Bounds the server's files, as its own user."""
    process = psutil.Process(server.pid)
    words = (process.pid, process.uids().real, process.gids().real, size)
    subprocess.run([sys.executable, "-I", "-S", "-c", _BOUND, *map(str, words)], check=True)


def without_room(server: RedisServer) -> None:
    """Its log can't grow: the server takes no writes from now on."""
    let_files_grow(server, 1)
    eventually(lambda: not _takes_writes(server), "a refusal")


def with_room(server: RedisServer) -> None:
    """Its log can grow: the server takes writes again."""
    let_files_grow(server, resource.RLIM_INFINITY)
    eventually(lambda: _takes_writes(server), "a write")


def _takes_writes(server: RedisServer) -> bool:
    with server.client() as client:
        try:
            client.set("more", "x" * 100)
        except redis.RedisError:
            return False
    return True
