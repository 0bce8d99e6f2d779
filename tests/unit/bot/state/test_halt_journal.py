"""The halt journal: on the disk before anything else, and never quietly lost."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.state import halt_journal
from bot.state.halt_journal import JournalledHalt

HALT = JournalledHalt(datetime(2026, 11, 30, tzinfo=UTC), "me", "drill", "global", flatten=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


def test_a_journalled_halt_is_pending_until_it_is_taken(home: Path) -> None:
    assert halt_journal.pending(home) is None
    halt_journal.write(home, HALT)
    assert "drill" in str(halt_journal.pending(home))
    assert halt_journal.path(home).stat().st_mode & 0o777 == 0o600
    with halt_journal.taking(home) as halts:
        assert halts == (HALT,)
    assert halt_journal.pending(home) is None
    with halt_journal.taking(home) as halts:
        assert halts == ()


def test_a_halt_that_could_not_be_recorded_stays(home: Path) -> None:
    halt_journal.write(home, HALT)
    with pytest.raises(RuntimeError), halt_journal.taking(home):
        raise RuntimeError("Postgres is away")
    assert halt_journal.pending(home) is not None


@pytest.mark.parametrize("text", [b"", b"\0\0\0", b'{"at": 3}\n', b"\xff\xfe", b"[" * 9000])
def test_a_damaged_journal_halts_everything(home: Path, text: bytes) -> None:
    halt_journal.path(home).write_bytes(text)
    assert halt_journal.pending(home) is not None
    with halt_journal.taking(home) as halts:
        (halt,) = halts
    assert halt.scope == "global"


def test_a_damaged_line_loses_no_other_halt(home: Path) -> None:
    halt_journal.write(home, HALT)
    with halt_journal.path(home).open("a") as stream:
        stream.write('{"half": \n')
    halt_journal.write(home, HALT)
    with halt_journal.taking(home) as halts:
        assert [halt.reason for halt in halts][::2] == ["drill", "drill"]
        assert len(halts) == 3


def test_where_no_system_lives_no_journal_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        halt_journal.write(tmp_path / "none", HALT)
    assert not (tmp_path / "none").exists()


def test_a_path_that_is_no_file_stops_entries(home: Path) -> None:
    halt_journal.path(home).mkdir()
    assert halt_journal.pending(home) is not None
