"""The doctor's line about the disk."""

from pathlib import Path

import pytest

from bot.state import disk_room
from console.views.doctor.room_line import room_lines


def test_it_says_how_much_is_free_and_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = room_lines(tmp_path)
    assert line.ok
    assert line.detail.endswith(" MB free")
    (line,) = room_lines(Path("/proc"))
    assert (line.ok, line.down) == (False, False)
    assert line.detail.startswith("the disk is full: 0 MB free; disk_nearly_full: ")
    monkeypatch.setattr(disk_room, "ENOUGH_BYTES", 1 << 62)
    (line,) = room_lines(tmp_path)
    assert line.ok
    assert line.warning
    assert room_lines(tmp_path / "none") == []
