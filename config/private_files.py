"""Writes files that only their owner may read, whole or not at all, and takes them away."""

import os
import shutil
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Put `text` in a file with mode 0600, replacing any former file in one step.

    After a power cut the file is either the former or the new one, because the text is on disk
    before it gets the name.
    """
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if path.is_dir() and not path.is_symlink():
            take_away(path)  # nothing can replace it in one step
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def take_away(path: Path) -> None:
    """Remove the file of this name, or a directory in its place; does nothing if there is
    neither."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
