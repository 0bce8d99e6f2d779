"""A disk that is full for this process, without a disk of one's own: no file may grow."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
