"""The halt journal: a file in the home that stops entries while Postgres can't be written.

`mlrisk halt` writes it when it can't write the trading state. While the file is there, every claim
and every decision on this machine treats trading as HALTED, whatever Postgres says when it is back.
The monitoring worker records the halts of the file in the database and takes the file away. A halt
that flattens notes each of its orders here before it is sent, so that Postgres learns of them as
well.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from bot.bounded_text import storable
from bot.risk.snapshot import ScopeState
from models.enums import TradingState

FILE = Path("run") / "halt-journal"
_UNREADABLE = "an unreadable halt journal"
_EXITS = "a flattening whose orders Postgres doesn't know yet"
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class JournalledHalt:
    """One halt that Postgres doesn't know yet."""

    at: datetime
    actor: str
    """A note: the file proves nothing about a person."""
    reason: str
    scope: str
    """As `mlrisk halt --scope` takes it."""
    cancel: bool = False
    flatten: bool = False


@dataclass(frozen=True, slots=True)
class JournalledExit:
    """An order that closes a position without Postgres: one line before it is sent, and one with
    its outcome."""

    at: datetime
    order_link_id: str
    symbol: str
    side: str
    qty: str
    """The size of the position as the exchange reported it."""
    outcome: str = ""
    """Empty while the order may be sent: then the same id must be sent again."""


@dataclass(frozen=True, slots=True)
class Entries:
    """The lines of a journal, oldest first."""

    halts: Sequence[JournalledHalt] = ()
    exits: Sequence[JournalledExit] = ()


def path(home: Path) -> Path:
    """The journal of a home."""
    return home / FILE


def write(home: Path, entry: JournalledHalt | JournalledExit) -> None:
    """Adds a line to the journal; returns once it is on the disk.

    Raises OSError, FileNotFoundError where no system has its home.
    """
    target = path(home)
    line = json.dumps({**asdict(entry), "at": entry.at.isoformat()}, sort_keys=True)
    while True:
        with _locked(target, "a") as stream:
            if not _is_still(target, stream):
                continue  # taken away while this waited for the lock
            # A line that a power cut has torn must not swallow this one.
            stream.write(f"\n{line}\n")
            stream.flush()
            os.fsync(stream.fileno())
        break
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def pending(home: Path) -> str | None:
    """Why the journal stops entries; None when there is no journal.

    A journal that can't be looked at stops them as well.
    """
    target = path(home)
    try:
        target.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"{_UNREADABLE}: {error.strerror}"
    try:
        found = _read(target)
    except (FileNotFoundError, NotADirectoryError):
        return None  # recorded in between
    except (OSError, UnicodeDecodeError):
        return _UNREADABLE
    newest = found.halts[-1] if found.halts else None
    if newest is None:
        return _EXITS if found.exits else _UNREADABLE
    return f"a halt that Postgres doesn't know yet: {newest.reason} ({newest.actor})"


def as_state(why: str) -> ScopeState:
    """A pending journal as the trading state that a decision sees."""
    return ScopeState("global:halt-journal", TradingState.HALTED, why)


def read(home: Path) -> Entries:
    """The journal's lines, none without a journal. Raises OSError when it can't be read."""
    try:
        return _read(path(home))
    except FileNotFoundError:
        return Entries()


@contextmanager
def taking(home: Path) -> Iterator[Entries]:
    """The journal's lines, none without a journal.

    A block that ends without an error takes the file away; after an error the file stays. Writers
    wait until the block ends. A damaged line counts as a halt of everything.
    """
    target = path(home)
    try:
        with _locked(target, "r") as stream:
            if not _is_still(target, stream):
                yield Entries()
                return
            yield _parsed(stream.read())
            target.unlink(missing_ok=True)
    except FileNotFoundError:
        yield Entries()


def _read(target: Path) -> Entries:
    return _parsed(target.read_text(encoding="utf-8", errors="replace"))


def _parsed(text: str) -> Entries:
    lines = [line for line in text.splitlines() if line.strip("\0 ")]
    found = [_entry(line) for line in lines] or [_damaged(text)]
    return Entries(
        tuple(entry for entry in found if isinstance(entry, JournalledHalt)),
        tuple(entry for entry in found if isinstance(entry, JournalledExit)),
    )


def _entry(line: str) -> JournalledHalt | JournalledExit:
    try:
        said = json.loads(line)
        at = datetime.fromisoformat(said["at"])
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if "order_link_id" in said:
            names = ("order_link_id", "symbol", "side", "qty", "outcome")
            return JournalledExit(at, *(storable(str(said[name]), _SHOWN) for name in names))
        return JournalledHalt(
            at,
            storable(str(said["actor"]), _SHOWN),
            storable(str(said["reason"]), _SHOWN),
            storable(str(said["scope"]), _SHOWN),
            cancel=said["cancel"] is True,
            flatten=said["flatten"] is True,
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return _damaged(line)


def _damaged(text: str) -> JournalledHalt:
    words = f"a damaged halt journal: {storable(text, _SHOWN)}"
    return JournalledHalt(datetime.fromtimestamp(0, UTC), "halt-journal", words, "global")


@contextmanager
def _locked(target: Path, mode: str) -> Iterator[IO[str]]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if mode == "a" else os.O_RDONLY
    opened = os.open(target, flags | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, mode, encoding="utf-8", errors="replace") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream


def _is_still(target: Path, stream: IO[str]) -> bool:
    """Whether the open file is the one that the path names."""
    try:
        named, opened = target.stat(), os.fstat(stream.fileno())
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
