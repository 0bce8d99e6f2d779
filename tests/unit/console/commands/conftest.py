"""Runs commands in the tests' process, for a home without a system."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from console.cli import run

Without = Callable[..., tuple[int, str]]
"""Takes the arguments of a command; returns its exit status and what it printed."""


@pytest.fixture
def without_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Without:
    for name in [name for name in os.environ if name.startswith("MLRISK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))

    def mlrisk(*arguments: str) -> tuple[int, str]:
        status = run(arguments)
        out, err = capsys.readouterr()
        return status, out + err

    return mlrisk
