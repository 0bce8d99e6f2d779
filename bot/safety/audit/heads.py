"""The heads of the audit chains, kept outside the database: one line a minute in a file.

The owner of the database can cut a chain's end together with its head. A line here has the heads of
a moment, and is bound to the line before it by a code, with a key if there is one. A cut end, a
missing chain and an older backup are therefore found as long as this file is not part of the
backup.

The database in turn stores the newest line of the file (`audit_heads_file`): a missing or empty
file, or a missing end or beginning, is noticed. A full file is renamed and kept until the next one
is full. Only the two ends of a file are read.
"""

import errno
import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bot.errors import Refused
from bot.safety.audit.noted_heads import AGAIN, Noted, against, moment
from models.audit import Link, heads
from models.tables import AuditHeadRow, AuditHeadsFileRow, AuditRow

FILE = "audit-heads.jsonl"
_START = "0" * 64
_PURPOSE = b"mlrisk audit heads, version 1\n"
MAX_BYTES = 4 << 20
"""The largest size of a file: some weeks of lines."""
LATE = timedelta(minutes=15)
"""The age from which a missing line is reported. Lines come each minute, seldom later on a busy
machine."""
_END_BYTES = 65_536
"""The bytes that are read of either end of a file, far more than a line."""


class HeadsFile:
    """Appends to and reads one file. Raises OSError where it can't be written or read."""

    def __init__(self, path: Path, key: str | None) -> None:
        self.path = path
        self.full = path.with_name(f"{path.name}.1")
        """The file before this one, which had become too long."""
        self._aside = path.with_suffix(".before")
        """The name to which a person moves a faulty file to ask for a new one."""
        self._key = b"" if key is None else key.encode()

    def note(self, session: Session, now: datetime) -> list[str]:
        """Appends the present heads if the newest line still holds; otherwise returns the faults.

        After a fault nothing is appended, because the database is judged by the newest line. The
        row about the file is written in the caller's transaction.
        """
        row = self._row(session)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError:
            return self._begin(session, row, now)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            first, last, problems = self._ends(descriptor)
            problems = problems or self._missing(row, first, last)
            # Read after the line: entries between the two only move the heads on.
            known = heads(session)
            problems += [] if last is None else against(session, last, self.path, self._aside)
            if problems or (last is not None and last.heads == known):
                return problems
            if not os.path.samestat(os.fstat(descriptor), self.path.stat()):
                return []  # another process began a new file meanwhile
            number, before = (last.number + 1, last.code) if last else (1, _START)
            line = self._line(number, now, known, before)
            begins = number if first is None else first.number
            if os.fstat(descriptor).st_size + len(line) > MAX_BYTES:
                self._keep_the_full_one()
                self._create(line)
                begins = number
            else:
                _append(descriptor, line)
        self._remember(session, begins, line)
        return []

    def _begin(self, session: Session, row: AuditHeadsFileRow | None, now: datetime) -> list[str]:
        """Writes the first line of a new file, unless a file is gone that no person has moved
        aside."""
        if row is not None and not self._aside.exists():
            return [self._gone(row)]
        number = 1 if row is None else row.number + 1
        line = self._line(number, now, heads(session), _START)
        self._create(line)
        if row is not None:
            # The move aside counts once.
            kept = f"{self._aside.name}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
            self._aside.rename(self._aside.with_name(kept))
        self._remember(session, number, line)
        return []

    def _create(self, line: bytes) -> None:
        """Makes the file with its first line, or not at all, because a disk may be full."""
        unfinished = self.path.with_name(f"{self.path.name}.unfinished")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        descriptor = os.open(unfinished, flags, 0o600)
        try:
            _append(descriptor, line)
        finally:
            os.close(descriptor)
        unfinished.replace(self.path)

    def _keep_the_full_one(self) -> None:
        """Keeps the full file under its second name, so that the first name always has a file."""
        unfinished = self.full.with_name(f"{self.full.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        unfinished.hardlink_to(self.path)
        unfinished.replace(self.full)

    def _row(self, session: Session) -> AuditHeadsFileRow | None:
        return session.get(AuditHeadsFileRow, str(self.path), populate_existing=True)

    def _remember(self, session: Session, begins: int, line: bytes) -> None:
        noted = self._noted(line)
        if noted is None:
            raise Refused(f"{self.path}: the line that was just made can't be read", code="heads")
        values = {"begins": begins, "number": noted.number, "code": noted.code, "at": noted.at}
        session.execute(
            insert(AuditHeadsFileRow)
            .values(path=str(self.path), **values)
            .on_conflict_do_update(index_elements=["path"], set_=values)
        )

    def problems(self, session: Session) -> list[str]:
        """The faults of the file, and of the database by its newest line."""
        row = self._row(session)
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return [] if row is None else [self._gone(row)]
        try:
            first, last, found = self._ends(descriptor)
            found += self._changed(_end(descriptor))
        finally:
            os.close(descriptor)
        found += self._missing(row, first, last) if not found else []
        return found if last is None else [*found, *against(session, last, self.path, self._aside)]

    def lateness(self, session: Session) -> str | None:
        """A fault when audit entries were not noted for long; None otherwise."""
        row = self._row(session)
        ends = select(func.max(AuditRow.at)).join(
            AuditHeadRow,
            and_(AuditRow.chain == AuditHeadRow.chain, AuditRow.seq == AuditHeadRow.seq),
        )
        newest = session.scalar(ends)
        if row is None or newest is None or newest - row.at <= LATE:
            return None
        return f"{self.path} was last written at {moment(row.at)}, the audit at {moment(newest)}"

    def _gone(self, row: AuditHeadsFileRow) -> str:
        return (
            f"{self.path} is gone, and its line {row.number} was written at {moment(row.at)}; put "
            f"it back, or make {self._aside} when you know why, and a new one begins"
        )

    def _missing(
        self, row: AuditHeadsFileRow | None, first: Noted | None, last: Noted | None
    ) -> list[str]:
        """The lines that the database knows and the file lacks."""
        if row is None:
            return []
        again = AGAIN.format(aside=self._aside)
        if first is None or last is None:
            return [f"{self.path} is empty, and had {row.number} lines; {again}"]
        found = []
        if last.number < row.number:
            found.append(
                f"{self.path} ends with line {last.number}, and line {row.number} was written at "
                f"{moment(row.at)}: its end was cut; {again}"
            )
        elif last.number == row.number and last.code != row.code:
            found.append(f"{self.path}: line {row.number} is another than was written; {again}")
        if first.number != row.begins and not self._follows(first):
            found.append(
                f"{self.path} begins with line {first.number} and not with line {row.begins}: its "
                f"beginning was cut; {again}"
            )
        return found

    def _follows(self, first: Noted) -> bool:
        """Whether a file begins where the one before it ended; the row may not know it yet."""
        try:
            descriptor = os.open(self.full, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            lines = _end(descriptor)
        finally:
            os.close(descriptor)
        before = self._noted(lines[-1]) if lines else None
        return before is not None and before.code == first.before

    def _ends(self, descriptor: int) -> tuple[Noted | None, Noted | None, list[str]]:
        """The first and the newest line, and the faults of unreadable ones."""
        lines = _end(descriptor)
        if not lines:
            return None, None, []
        beginning = os.pread(descriptor, _END_BYTES, 0).splitlines()[0]
        first, last = self._noted(beginning), self._noted(lines[-1])
        again = AGAIN.format(aside=self._aside)
        found = []
        if last is None:
            found.append(f"{self.path}: its newest line was changed or is torn; {again}")
        if first is None and len(lines) > 1:
            found.append(f"{self.path}: its first line was changed; {again}")
        return first, last, found

    def _changed(self, lines: list[bytes]) -> list[str]:
        """The lines that don't follow the one before; the newest is judged separately."""
        found, before = [], None
        for left, line in zip(range(len(lines), 0, -1), lines, strict=True):
            noted = self._noted(line)
            follows = noted is not None and before in (None, noted.before)
            if not follows and (left > 1 or noted is not None):
                found.append(f"{self.path}: line {left} from its end was changed or moved")
            before = None if noted is None else noted.code
        return found

    def _line(self, number: int, at: datetime, known: Mapping[str, Link], before: str) -> bytes:
        body = {
            "number": number,
            "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            "heads": {chain: [head.seq, head.hash] for chain, head in known.items()},
            "before": before,
        }
        whole = {**body, "code": self._code(body)}
        return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode() + b"\n"

    def _noted(self, line: bytes) -> Noted | None:
        """The parsed line; None when it was altered. Lines of former versions have no number."""
        try:
            body = json.loads(line)
            code = body.pop("code")
            if not hmac.compare_digest(str(code), self._code(body)):
                return None
            known = {chain: Link(int(seq), str(own)) for chain, (seq, own) in body["heads"].items()}
            number, at = int(body.get("number", 0)), datetime.fromisoformat(body["at"])
            return Noted(number, at, known, body["before"], code)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def _code(self, body: Mapping[str, object]) -> str:
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key, _PURPOSE + text.encode(), hashlib.sha256).hexdigest()


def _append(descriptor: int, line: bytes) -> None:
    """Appends the whole line or nothing, because half a line would count as an alteration."""
    size = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _end(descriptor: int) -> list[bytes]:
    """The newest lines of a file; half of one at the beginning is left out."""
    size = os.fstat(descriptor).st_size
    begin = max(0, size - _END_BYTES)
    lines = os.pread(descriptor, _END_BYTES, begin).splitlines()
    return lines[1:] if begin else lines
