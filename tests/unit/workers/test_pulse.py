"""A pulse tells a worker at work from one that is not."""

import os
import time
from pathlib import Path

import pytest

from workers import healthcheck, pulse


def test_a_pulse_is_fresh_for_less_than_a_minute(tmp_path: Path) -> None:
    file = tmp_path / "pulse"
    assert not pulse.is_fresh(file)
    file.touch()
    assert pulse.is_fresh(file)
    for far in (-2 * pulse.FRESH_SECONDS, 2 * pulse.FRESH_SECONDS):
        os.utime(file, (time.time() + far,) * 2)
        assert not pulse.is_fresh(file)


def test_the_health_check_of_a_worker_reads_its_pulse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pulse"
    monkeypatch.delenv(pulse.PULSE_VARIABLE, raising=False)
    assert healthcheck.main(["worker"]) == 1
    monkeypatch.setenv(pulse.PULSE_VARIABLE, str(file))
    assert healthcheck.main(["worker"]) == 1
    file.touch()
    assert healthcheck.main(["worker"]) == 0
