"""The safety process lives through a start without Postgres."""

import threading
from pathlib import Path

import pytest

from tasks import bootstrap
from tests.support.waiting import eventually
from workers import safety
from workers.stop_event import StopEvent


def test_a_start_without_postgres_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bootstrap, "_services", None)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", "postgresql+psycopg://mlrisk@127.0.0.1:1/mlrisk")
    stop = StopEvent()
    process = threading.Thread(target=safety.run, args=(stop,), daemon=True)
    process.start()
    try:
        assert eventually(lambda: not process.is_alive() or _looks_that_failed(caplog) > 1)
        assert process.is_alive()
    finally:
        stop.set()
        process.join(60)
    assert not process.is_alive()


def _looks_that_failed(caplog: pytest.LogCaptureFixture) -> int:
    events = [getattr(record, "event", "") for record in caplog.records]
    return events.count("sensors_cant_be_read")
