"""The watchdog's own record survives a killed writer, and knows what the audit lacks."""

from datetime import UTC, datetime
from pathlib import Path

from workers.watchdog.journal import Journal

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_acts_are_unrecorded_until_the_audit_has_them(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "home" / "watchdog.jsonl")
    assert journal.unrecorded() == {}
    journal.acted("s-1", AT, {"cancelled": 2})
    journal.acted("s-1", AT, {"cancelled": 1})
    journal.acted("s-2", AT, {"cancelled": 0})
    journal.recorded("s-1", AT)
    assert [line["cancelled"] for line in journal.unrecorded()["s-2"]] == [0]
    assert "s-1" not in journal.unrecorded()


def test_a_torn_line_is_left_out_and_the_next_one_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "watchdog.jsonl")
    journal.acted("s-1", AT, {})
    with journal.path.open("ab") as file:
        file.write(b'{"event": "acted", "sil')
    journal.acted("s-2", AT, {})
    assert journal.unrecorded().keys() == {"s-1", "s-2"}


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "watchdog.jsonl")
    journal.acted("s-1", AT, {})
    assert journal.path.stat().st_mode & 0o077 == 0
