"""The exchange's own record of everything that it accepted: append-only JSON lines.

The journal is apart from every database, so that tests can compare a client's records with the
exchange's. Each line is written and handed to the operating system before the reply goes out. It
survives `kill -9` of the exchange, but not a power cut. On a full disk lines wait in memory until
there is room.

Every record has `n` (line number from 1), `t` (receive time, ms) and `kind`:

- `start`, `stop`: the server's life;
- `create`, `amend`, `cancel`: accepted requests with uid, category, symbol, orderId, orderLinkId;
  `create` also has side, orderType, qty, price, timeInForce, reduceOnly and
  `positionBefore` (signed size, null on spot), and `origin` (`client`, `foreign`);
- `fill`: an execution record as the stream reports it, under `row`;
- `final`: an order that reached a final state, with status, cumExecQty and reasons; `forced` is
  true if the client did not ask for it;
- `setting`: accepted leverage, position mode and trading-stop requests;
- `forced`: an act of an operator or a fault on the account (ban, instrument change, ...).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from paper_exchange.errors import PaperExchangeError
from paper_exchange.line_file import LineFile

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class JournalError(PaperExchangeError):
    """The journal file has a damaged line that is not its last."""


class JournalWriter:
    """Appends records. On opening it cuts off a torn last line, left by a crash during a write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._count = _repair(path)
        self._file = LineFile(path, "ab")

    @property
    def count(self) -> int:
        """The number of records, including those of earlier runs."""
        return self._count

    def write(self, kind: str, t_ms: int, fields: Mapping[str, Any]) -> None:
        """Appends a record with its number and time, and hands it to the operating system."""
        self._count += 1
        self._file.append(_encode({"n": self._count, "t": t_ms, "kind": kind, **fields}))

    def flush(self) -> None:
        """Writes the lines that a full disk has kept waiting."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> "JournalWriter":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_journal(path: Path, *, after: int = 0) -> Iterator[dict[str, Any]]:
    """The records with `n` above `after`, oldest first. It is safe while the exchange writes."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record: dict[str, Any] = json.loads(line)
            except ValueError as error:
                raise JournalError(f"{path}: line {number} is not JSON") from error
            if record["n"] > after:
                yield record


def _repair(path: Path) -> int:
    """Cuts a torn last line and returns the number of whole ones."""
    if not path.exists():
        return 0
    count = whole = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                count += 1
                whole += len(line)
    if path.stat().st_size != whole:
        with path.open("r+b") as file:
            file.truncate(whole)
    return count
