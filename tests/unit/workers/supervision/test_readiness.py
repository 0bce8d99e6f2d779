"""A process announces itself where its supervisor looks, and goes on where it can't."""

from pathlib import Path

import pytest

from workers.supervision.launcher import READY_VARIABLE
from workers.supervision.readiness import announce


def test_the_file_is_made_once_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ready"
    monkeypatch.setenv(READY_VARIABLE, str(file))
    for _ in range(2):
        announce()
        assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_supervisor_or_a_directory_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(READY_VARIABLE, raising=False)
    announce()
    assert not caplog.records
    monkeypatch.setenv(READY_VARIABLE, str(tmp_path / "absent" / "ready"))
    announce()
    assert "can't tell that it is ready" in caplog.text
