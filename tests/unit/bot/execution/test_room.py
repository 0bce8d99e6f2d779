"""The room on a disk."""

from pathlib import Path

import pytest

from bot.execution import room


def test_where_there_is_no_home_nothing_is_known_and_nothing_stops(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    assert room.free_bytes(nowhere) is None
    assert room.shortage(nowhere) is None
    assert room.is_back(nowhere)


def test_a_full_file_system_is_short_of_room() -> None:
    full = Path("/proc")  # has no byte free
    assert room.free_bytes(full) == 0
    assert str(room.shortage(full)).startswith("disk_nearly_full: less than 256 MB are free")
    assert not room.is_back(full)


def test_between_the_limits_nothing_new_stops_and_nothing_that_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = room.free_bytes(tmp_path)
    assert free is not None
    monkeypatch.setattr(room, "LOW_BYTES", free // 2)
    monkeypatch.setattr(room, "ENOUGH_BYTES", free * 2)
    assert room.shortage(tmp_path) is None
    assert not room.is_back(tmp_path)
