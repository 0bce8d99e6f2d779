"""`mlrisk report daily` for people, for programs and as a page."""

import json
from pathlib import Path

import pytest

from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from tests.support.documents.html import Page, is_self_contained
from tests.support.documents.pdf_text import read_pdf
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
    page, pdf = tmp_path / "day.html", tmp_path / "day.pdf"
    files = ["--html", str(page), "--pdf", str(pdf)]
    assert run(["report", "daily", "--date", day, *files]) == ExitCode.OK
    assert f"day {day} of paper: 1 decisions" in capsys.readouterr().out
    found, drawn = Page(page.read_text(encoding="utf-8")), read_pdf(pdf.read_bytes())
    assert is_self_contained(found)
    for told in (f"UTC day {day}", "PAPER: no real money", "1 allowed", "the newest fact was"):
        assert told in found.text + "".join(found.values("aria-label"))
    for told in (f"UTC day {day}", "PAPER: no real money", "mlrisk, account paper", "page 1 of"):
        assert told in drawn.text
    assert run(["report", "daily", "--html", str(page), "--pdf", str(page)]) == ExitCode.USAGE
    assert "name the same file" in capsys.readouterr().err
    assert run(["report", "daily", "--date", day, "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["decisions"]["total"] == 1
    assert run(["report", "daily", "--date", "yesterday"]) == ExitCode.USAGE
    assert run(["report", "daily", "--date", "2999-01-01"]) == ExitCode.USAGE
    capsys.readouterr()
