"""The room on a disk."""

from pathlib import Path

import pytest

from bot.state import disk_room


def test_where_there_is_no_home_nothing_is_known_and_nothing_stops(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    assert disk_room.free_bytes(nowhere) is None
    assert disk_room.shortage(nowhere) is None
    assert disk_room.is_back(nowhere)


def test_a_full_file_system_is_short_of_room() -> None:
    full = Path("/proc")  # has no byte free
    assert disk_room.free_bytes(full) == 0
    assert str(disk_room.shortage(full)).startswith("disk_nearly_full: less than 256 MB are free")
    assert not disk_room.is_back(full)


def test_between_the_limits_nothing_new_stops_and_nothing_that_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = disk_room.free_bytes(tmp_path)
    assert free is not None
    monkeypatch.setattr(disk_room, "LOW_BYTES", free // 2)
    monkeypatch.setattr(disk_room, "ENOUGH_BYTES", free * 2)
    assert disk_room.shortage(tmp_path) is None
    assert not disk_room.is_back(tmp_path)
