"""How the console prints: tables and JSON to stdout, everything about the work to stderr."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from console.errors import CommandError, ExitCode
from models.amounts import shortest
from models.documents import stored_form

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 200


def stdout() -> "Console":
    """The console for results. It has colours only on a terminal and without NO_COLOR."""
    from console.foreign import SafeConsole

    # A pipe has no width, so tables are not cut there.
    return SafeConsole(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def stderr() -> "Console":
    """The console for progress and complaints."""
    from console.foreign import SafeConsole

    return SafeConsole(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def utc(moment: datetime) -> str:
    """ISO 8601 in UTC with a trailing Z, to the millisecond."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def to_json(value: Any) -> str:
    """Readable JSON with stable order; Decimal as plain text, times in UTC."""
    from console.foreign import json_safe

    text = json.dumps(value, indent=2, default=_encode, ensure_ascii=False, allow_nan=False)
    return json_safe(text)


def print_json(value: Any) -> None:
    """One JSON object on stdout, nothing else."""
    sys.stdout.write(to_json(value) + "\n")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a name to write under. What is written replaces `path` in one step, so that a reader
    never sees half of it; after a failure it is taken away.

    Raises OSError when `path` is a symbolic link, a directory or a device: nothing but a file is
    replaced.
    """
    _require_file(path)
    unfinished = path.with_name(f".{token_hex(8)}.unfinished")
    # Nobody else can have made a file or a link of this name before us.
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
    try:
        yield unfinished
        with unfinished.open("rb") as written:
            # After a power cut the file is the former or the new one.
            os.fsync(written.fileno())
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _require_file(path: Path) -> None:
    if path.is_symlink():
        raise OSError("it is a symbolic link; name the file itself")
    if path.exists() and not path.is_file():
        raise OSError("it is there, and is no file")


def write_atomically(path: Path, text: str) -> None:
    """Replaces the whole file in one step, so that a reader never sees half a report."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Names a file that a person has chosen and that can't be written. Raises CommandError."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error}", ExitCode.USAGE) from error


def _encode(value: Any) -> Any:
    if isinstance(value, Decimal):
        return shortest(value)
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    try:
        return stored_form.to_json(value)
    except TypeError:
        raise TypeError(f"{type(value).__name__} has no JSON form here") from None
