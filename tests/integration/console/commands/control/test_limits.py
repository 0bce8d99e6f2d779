"""`mlrisk limits`: a review is printed, stored and signed, and nothing is changed."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from bot.safety import assurance
from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from models.tables import AuditRow
from tests.support.scene import Scene
from tests.support.trading_halts import bind

pytestmark = pytest.mark.services


@pytest.fixture
def system(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    bind(scene, Environment.DEVELOPMENT)
    scene.trade("r-1")
    return scene


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run([*words, "--json"]) == ExitCode.OK
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_a_review_is_printed_and_stored_and_changes_no_limit(
    system: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = told(capsys, "limits", "calibrate", "--since", "9000d")
    assert facts["decisions"] == 1
    (row,) = (each for each in facts["limits"] if each["limit"] == "gate.max_spread_bps")
    assert (row["check"], row["asked"], row["proposal"]) == ("spread", 1, "keep")
    assert 0 < row["headroom"]["least"] < 1
    assert "1 decisions say too little" in row["why"]
    with system.db.reading() as session:
        entry = session.scalars(select(AuditRow).where(AuditRow.kind == assurance.REPORTED)).one()
        changes = session.scalar(
            select(func.count()).select_from(AuditRow).where(AuditRow.kind.startswith("config"))
        )
    assert (entry.payload["counts"], changes) == (facts["counts"], 0)
    (listed,) = told(capsys, "limits", "list")["reports"]
    assert (listed["report"], listed["as_recorded"]) == (facts["report"], True)
    assert listed["content"]["limits"] == facts["limits"]


def test_it_is_told_to_people_and_a_changed_report_is_named(
    system: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["limits", "list"]) == ExitCode.OK
    assert "there was none yet" in capsys.readouterr().out
    assert run(["limits", "calibrate", "--since", "9000d"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "1 decisions since" in shown
    assert "gate.max_spread_bps" in shown and "stored as report 1 by cli:" in shown
    with system.db.transaction() as session:
        session.execute(text("UPDATE assurance_report SET report = report || '{\"limits\": []}'"))
    assert run(["limits", "list"]) == ExitCode.OK
    assert "NOT as the audit has it" in capsys.readouterr().out
