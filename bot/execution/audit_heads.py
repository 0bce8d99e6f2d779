"""Where the audit chains ended, kept outside the database: one line a minute in a file.

Whoever owns the database can cut a chain's end together with its head. A line here says what the
heads were, and follows the line before it by a code that takes a key where there is one. So an end
that is cut, a chain that is gone and an older backup are found as long as this file is somewhere
else than the backup.
"""

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import Link, heads
from models.tables import AuditRow

FILE = "audit-heads.jsonl"
_START = "0" * 64
_PURPOSE = b"mlrisk audit heads, version 1\n"
_TAIL_BYTES = 65_536
"""Far longer than a line: the newest one is read without the others."""


@dataclass(frozen=True, slots=True)
class Noted:
    """One line: what the heads were at a moment."""

    at: datetime
    heads: Mapping[str, Link]
    before: str
    code: str


class HeadsFile:
    """Appends to and reads one file. Raises OSError where it can't be written or read."""

    def __init__(self, path: Path, key: str | None) -> None:
        self.path = path
        self._key = b"" if key is None else key.encode()

    def note(self, session: Session, now: datetime) -> list[str]:
        """Appends the heads of now if the newest line still holds; else what is wrong.

        After a problem nothing is appended: the newest line is what the database is judged by.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with os.fdopen(os.open(self.path, flags, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            last, problems = self._newest(_tail(file.fileno()))
            # Read after the line: what is written between the two only moves the heads on.
            known = heads(session)
            problems += [] if last is None else _against(session, last, self.path)
            if problems or (last is not None and last.heads == known):
                return problems
            line = self._line(now, known, _START if last is None else last.code)
            os.write(file.fileno(), line)
        return []

    def problems(self, session: Session) -> list[str]:
        """What is wrong with the file, and with the database by its newest line."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found, before, last = [], _START, None
        for number, line in enumerate(lines, 1):
            noted = self._read(line)
            if noted is None or noted.before != before:
                found.append(f"{self.path}: line {number} was changed or moved")
                noted = noted or last
            if noted is not None:
                before, last = noted.code, noted
        return found if last is None else [*found, *_against(session, last, self.path)]

    def _newest(self, tail: bytes) -> tuple[Noted | None, list[str]]:
        lines = tail.splitlines()
        if not lines:
            return None, []
        noted = self._read(lines[-1])
        if noted is not None:
            return noted, []
        return None, [
            f"{self.path}: its newest line was changed or is torn; move the file away when you "
            "know why, and a new one begins"
        ]

    def _line(self, at: datetime, known: Mapping[str, Link], before: str) -> bytes:
        body = {
            "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            "heads": {chain: [head.seq, head.hash] for chain, head in known.items()},
            "before": before,
        }
        whole = {**body, "code": self._code(body)}
        return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode() + b"\n"

    def _read(self, line: bytes) -> Noted | None:
        """None: it is not as it was written."""
        try:
            body = json.loads(line)
            code = body.pop("code")
            if not hmac.compare_digest(str(code), self._code(body)):
                return None
            known = {chain: Link(int(seq), str(own)) for chain, (seq, own) in body["heads"].items()}
            return Noted(datetime.fromisoformat(body["at"]), known, body["before"], code)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def _code(self, body: Mapping[str, object]) -> str:
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key, _PURPOSE + text.encode(), hashlib.sha256).hexdigest()


def _tail(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES))


def _against(session: Session, last: Noted, path: Path) -> list[str]:
    """What the database no longer has of what a line says."""
    lost = list(_lost(session, last))
    if not lost:
        return []
    known = heads(session)
    behind = [chain for chain, head in last.heads.items() if known.get(chain, _NOTHING) != head]
    if len(behind) == len(last.heads) and all(
        known.get(chain, _NOTHING).seq < last.heads[chain].seq for chain in behind
    ):
        at = last.at.isoformat(timespec="seconds")
        lost.append(
            f"every chain ends before what {path} noted at {at}: an older backup was restored, or "
            "all ends were cut. Halt, compare orders and positions with the exchange, and move the "
            "file away when you know why; a new one begins then"
        )
    return lost


_NOTHING = Link(0, "")


def _lost(session: Session, last: Noted) -> Iterator[str]:
    for chain, head in last.heads.items():
        hashed = session.scalar(
            select(AuditRow.hash).where(AuditRow.chain == chain, AuditRow.seq == head.seq)
        )
        if hashed is None:
            yield f"{chain}: entry {head.seq} was there at {last.at.isoformat()} and is gone"
        elif hashed != head.hash:
            yield f"{chain}: entry {head.seq} is not what it was at {last.at.isoformat()}"
