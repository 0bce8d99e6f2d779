"""`mlrisk migrate` makes the tables once and says so; other commands ask for it until then."""

import json
from pathlib import Path

import pytest

from console.cli import run
from console.errors import ExitCode

pytestmark = pytest.mark.services


def test_a_database_without_tables_asks_for_migrate(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database_url: str,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", database_url)
    assert run(["requests"]) == ExitCode.USAGE
    assert "run `mlrisk migrate`" in capsys.readouterr().err
    assert run(["migrate"]) == ExitCode.OK
    assert "from an empty database" in capsys.readouterr().err
    assert run(["migrate"]) == ExitCode.OK
    assert "already there" in capsys.readouterr().err
    assert run(["requests", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"requests": []}
