"""`mlrisk report daily` for people, for programs and as a page."""

import json
from pathlib import Path

import pytest

from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from tests.support.scene import Scene
from tests.support.trading_halts import bind
from workers.supervision.ports import free_port

pytestmark = pytest.mark.services


def test_a_day_is_printed_and_written(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    bind(scene, Environment.DEVELOPMENT)
    scene.trade("r-1")
    day = scene.clock.now().date().isoformat()
    page = tmp_path / "day.html"
    assert run(["report", "daily", "--date", day, "--html", str(page)]) == ExitCode.OK
    assert f"day {day} of paper: 1 decisions" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert run(["report", "daily", "--date", day, "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["decisions"]["total"] == 1
    assert run(["report", "daily", "--date", "yesterday"]) == ExitCode.USAGE
    assert run(["report", "daily", "--date", "2999-01-01"]) == ExitCode.USAGE
    capsys.readouterr()
