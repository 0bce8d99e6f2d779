"""Runs commands of the program on this test's database."""

import json
from pathlib import Path
from typing import Any

import pytest

from console.cli import run
from tests.integration.console.commands.commanding import Mlrisk


@pytest.fixture
def mlrisk(
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Mlrisk:
    """Runs a command on this test's database: its exit status and JSON, else its text."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("MLRISK_TRADING_MODE", "conservative")

    def call(*arguments: str, production: bool = False) -> tuple[int, Any]:
        environment = "production" if production else "development"
        monkeypatch.setenv("MLRISK_ENVIRONMENT", environment)
        capsys.readouterr()
        status = run(arguments)
        printed = capsys.readouterr()
        text = printed.out + printed.err
        return status, json.loads(printed.out) if "--json" in arguments and printed.out else text

    return call
