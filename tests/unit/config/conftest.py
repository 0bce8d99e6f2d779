"""A home of its own for the tests that load settings."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without a running system, and an environment without settings of ours."""
    for name in [name for name in os.environ if name.startswith("MLRISK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    return tmp_path
