"""The watchdog's own record of its acts: a file of JSON lines, which needs no other process."""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ACTED, RECORDED = "acted", "recorded"


@dataclass(frozen=True, slots=True)
class Journal:
    """Appends to one file; each line is on the disk when the call returns."""

    path: Path

    def acted(self, silence_id: str, at: datetime, facts: dict[str, Any]) -> None:
        """Notes an act of one silence."""
        self._append({"event": ACTED, "silence": silence_id, "at": at.isoformat(), **facts})

    def recorded(self, silence_id: str, at: datetime) -> None:
        """Notes that the audit has the acts of a silence."""
        self._append({"event": RECORDED, "silence": silence_id, "at": at.isoformat()})

    def unrecorded(self) -> dict[str, list[dict[str, Any]]]:
        """The acts that the audit does not have yet, by their silence. A torn last line is left
        out."""
        found: dict[str, list[dict[str, Any]]] = {}
        for line in self._lines():
            name = str(line.get("silence"))
            if line.get("event") == RECORDED:
                found.pop(name, None)
            else:
                found.setdefault(name, []).append(line)
        return found

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        lines = []
        for text in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:  # the process was killed while it wrote
                continue
            if isinstance(line, dict):
                lines.append(line)
        return lines

    def _append(self, line: dict[str, Any]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = not self.path.exists()
        with self.path.open("ab") as file:
            if new:
                self.path.chmod(0o600)
            elif self._is_torn():
                file.write(b"\n")
            file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _is_torn(self) -> bool:
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
