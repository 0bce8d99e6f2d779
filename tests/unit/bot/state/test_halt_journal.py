"""The halt journal: on the disk before anything else, and never quietly lost."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.state import halt_journal
from bot.state.halt_journal import Entries, JournalledExit, JournalledHalt

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
    with halt_journal.taking(home) as taken:
        assert taken == Entries((HALT,))
    assert halt_journal.pending(home) is None
    with halt_journal.taking(home) as taken:
        assert taken == Entries()


def test_a_halt_that_could_not_be_recorded_stays(home: Path) -> None:
    halt_journal.write(home, HALT)
    with pytest.raises(RuntimeError), halt_journal.taking(home):
        raise RuntimeError("Postgres is away")
    assert halt_journal.pending(home) is not None


@pytest.mark.parametrize("text", [b"", b"\0\0\0", b'{"at": 3}\n', b"\xff\xfe", b"[" * 9000])
def test_a_damaged_journal_halts_everything(home: Path, text: bytes) -> None:
    halt_journal.path(home).write_bytes(text)
    assert halt_journal.pending(home) is not None
    with halt_journal.taking(home) as taken:
        (halt,) = taken.halts
    assert halt.scope == "global"


def test_a_damaged_line_loses_no_other_halt(home: Path) -> None:
    halt_journal.write(home, HALT)
    with halt_journal.path(home).open("a") as stream:
        stream.write('{"half": \n')
    halt_journal.write(home, HALT)
    with halt_journal.taking(home) as taken:
        assert [halt.reason for halt in taken.halts][::2] == ["drill", "drill"]
        assert len(taken.halts) == 3


def test_where_no_system_lives_no_journal_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        halt_journal.write(tmp_path / "none", HALT)
    assert not (tmp_path / "none").exists()


def test_a_path_that_is_no_file_stops_entries(home: Path) -> None:
    halt_journal.path(home).mkdir()
    assert halt_journal.pending(home) is not None


def test_orders_of_a_flattening_stand_beside_the_halts(home: Path) -> None:
    exit_ = JournalledExit(HALT.at, "mf-1", "BTCUSDT", "sell", "0.5", "accepted")
    halt_journal.write(home, HALT)
    halt_journal.write(home, exit_)
    assert halt_journal.read(home) == Entries((HALT,), (exit_,))
    assert "drill" in str(halt_journal.pending(home))


def test_orders_without_their_halt_stop_entries_and_halt_nothing(home: Path) -> None:
    """Their halt was recorded while the flattening was still under way."""
    halt_journal.write(home, JournalledExit(HALT.at, "mf-1", "BTCUSDT", "sell", "0.5"))
    assert "flattening" in str(halt_journal.pending(home))
    assert halt_journal.read(home).halts == ()
