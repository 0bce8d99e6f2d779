"""supervisord's logs on a full disk: lines are lost, nothing raises, and logging goes on."""

from pathlib import Path

import pytest
from supervisor.loggers import LogRecord

from workers.supervision.steadfast import LossyFileHandler

FULL = Path("/dev/full")


def test_a_log_is_written_again_when_there_is_room_again(tmp_path: Path) -> None:
    log = tmp_path / "own.log"
    log.symlink_to(FULL)
    handler = LossyFileHandler(str(log), maxBytes=1000, backupCount=1)
    for _ in range(50):
        handler.emit(LogRecord(20, "lost " * 100))
    log.unlink()
    handler.reopen()
    handler.emit(LogRecord(20, "kept"))
    assert log.read_text() == "kept"
    handler.close()


def test_a_rollover_that_was_cut_off_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "own.log"
    handler = LossyFileHandler(str(log), maxBytes=10, backupCount=1)

    def no_room(old: str, new: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(handler, "_rename", no_room)
        handler.emit(LogRecord(20, "longer than the limit"))
    handler.emit(LogRecord(20, "again"))
    assert "again" in (tmp_path / "own.log.1").read_text()
    handler.close()
