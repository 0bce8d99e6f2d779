"""On a full disk Redis goes on without its log, and keeps it again when there is room."""

from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisGone

from bot.state import disk_room
from workers.supervision import ballast, disk


class Server:
    """Remembers what it was told; every change is news once."""

    def __init__(self) -> None:
        self.keeps = True
        self.away = False

    def keep_log(self, wanted: bool) -> bool:
        if self.away:
            raise RedisGone("gone")
        changed, self.keeps = self.keeps is not wanted, wanted
        return changed


@pytest.fixture
def server() -> Any:
    return Server()


def room(monkeypatch: pytest.MonkeyPatch, free: int | None, *, back: bool = False) -> None:
    monkeypatch.setattr(disk_room, "free_bytes", lambda _: free)
    monkeypatch.setattr(disk_room, "is_back", lambda _: back)
    monkeypatch.setattr(ballast, "hold", lambda _: None)


def test_the_log_ends_on_a_full_disk_and_begins_again_with_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    room(monkeypatch, ballast.FULL_BYTES - 1)
    for _ in range(2):
        disk.look(tmp_path, server)
    assert not server.keeps
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    room(monkeypatch, ballast.FULL_BYTES + 1)
    disk.look(tmp_path, server)
    assert not server.keeps, "a little room is not enough"
    room(monkeypatch, ballast.FULL_BYTES + 1, back=True)
    disk.look(tmp_path, server)
    assert server.keeps


def test_an_unknown_room_changes_nothing_and_a_server_that_is_away_ends_no_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Any
) -> None:
    room(monkeypatch, None)
    disk.look(tmp_path, server)
    assert server.keeps
    server.away = True
    room(monkeypatch, 0)
    disk.look(tmp_path, server)
    disk.look(tmp_path, None)
