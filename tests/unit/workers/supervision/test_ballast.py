"""Room that is held back."""

from pathlib import Path

import pytest

from bot.state import disk_room
from workers.supervision import ballast


def test_it_takes_its_room_at_once_and_gives_it_up_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast.hold(tmp_path)
    ballast.hold(tmp_path)
    held = tmp_path / "ballast"
    assert held.stat().st_blocks * 512 >= ballast.BYTES  # not a hole
    assert held.stat().st_mode & 0o777 == 0o600
    assert not ballast.release_when_full(tmp_path)
    monkeypatch.setattr(ballast, "FULL_BYTES", 1 << 62)
    assert ballast.release_when_full(tmp_path)
    assert not ballast.release_when_full(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_none_is_held_where_there_is_little_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_room, "ENOUGH_BYTES", 1 << 62)
    ballast.hold(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_takes_no_file_starts_all_the_same(tmp_path: Path) -> None:
    (tmp_path / ".ballast.unfinished").mkdir()
    ballast.hold(tmp_path)
    assert not (tmp_path / "ballast").exists()
