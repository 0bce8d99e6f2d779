"""A file of lines outlives a full disk: nothing is lost, doubled or left half."""

import logging
from pathlib import Path

import pytest

from paper_exchange.line_file import LineFile


class Disk:
    """A file that takes so many bytes more, and then none."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.written = bytearray()

    def write(self, data: bytearray) -> int:
        taken = min(self.room, len(data))
        if not taken:
            raise OSError(28, "No space left on device")
        self.room -= taken
        self.written += data[:taken]
        return taken

    def close(self) -> None:
        pass


def test_lines_are_on_the_file_at_once_and_in_their_order(tmp_path: Path) -> None:
    file = LineFile(tmp_path / "lines", "ab")
    file.append("one")
    assert (tmp_path / "lines").read_text() == "one\n"
    file.append("zwei ü")
    assert (tmp_path / "lines").read_text(encoding="utf-8") == "one\nzwei ü\n"
    assert not file.is_behind
    file.close()


def test_what_finds_no_room_is_written_when_there_is_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = LineFile(tmp_path / "lines", "ab")
    disk = Disk(6)
    file._file.close()
    file._file = disk  # type: ignore[assignment]
    with caplog.at_level(logging.WARNING):
        for line in ("first", "second", "third"):
            file.append(line)
        assert file.is_behind
        assert disk.written == b"first\n"
        disk.room = 9
        file.flush()
        assert disk.written == b"first\nsecond\nth"  # cut off in a line: the rest waits
        disk.room = 100
        file.flush()
    assert disk.written == b"first\nsecond\nthird\n"
    assert not file.is_behind
    told = [record.levelname for record in caplog.records]
    assert told == ["CRITICAL", "WARNING"]  # once each, however many writes failed


def test_what_is_lost_at_the_end_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = LineFile(tmp_path / "lines", "ab")
    file._file.close()
    file._file = Disk(0)  # type: ignore[assignment]
    file.append("gone")
    file.close()
    assert "5 bytes" in caplog.text
