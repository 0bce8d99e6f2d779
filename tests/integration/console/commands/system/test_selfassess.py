"""`mlrisk selfassess` with and without a system: text, JSON and a page."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.authority.actors import SIGNED
from bot.safety import assurance
from bot.safety.emergency import drills
from bot.safety.emergency.drills import Drill
from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from console.selfassess.catalogue import referenced_tests
from console.selfassess.proofs import Case, Outcome, ProofFile, write
from models.enums import OperatorRole
from models.tables import AuditRow, PositionRow
from tests.support.operators import operator
from tests.support.scene import ACCOUNT, START, Scene
from tests.support.trading_halts import bind
from workers.supervision.ports import free_port

pytestmark = pytest.mark.services


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Every test of the catalogue has passed."""
    path = tmp_path / "proofs.json"
    case = Case(outcome=Outcome.PASSED, ended_at=START)
    write(path, ProofFile().with_run("a" * 40, {test: {"": case} for test in referenced_tests()}))
    return path


@pytest.fixture
def system(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    """A database of development with a trade and a drill; no process runs."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    bind(scene, Environment.DEVELOPMENT)
    scene.trade("r-1")
    return scene


def drilled(system: Scene, *, passed: bool) -> None:
    seconds = {"latched": 0.004, "sealed": 0.2, "clean": 0.3, "flat": 1.5 if passed else None}
    report = {"seconds": seconds}
    ended_at = START + timedelta(seconds=2)
    drill = Drill(drills.HALT, ACCOUNT, START, ended_at, passed, report)
    drills.store(system.db, drill, "cli:ann")


def controls(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = run(["selfassess", "--json", *words])
    facts = json.loads(capsys.readouterr().out)
    assert sum(facts["counts"].values()) == sum(len(text["controls"]) for text in facts["texts"])
    return status, {row["id"]: row for text in facts["texts"] for row in text["controls"]}


def test_a_system_shows_its_evidence_beside_the_proofs(
    system: Scene, results: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    drilled(system, passed=True)
    page = tmp_path / "assessment.html"
    status, rows = controls(capsys, "--results", str(results), "--html", str(page))
    assert status == ExitCode.FAILED, "the catalogue has gaps"
    kill = rows["rts6-12-kill"]
    assert kill["verdict"] == "proven"
    drill = kill["running_system"]["last drill"]
    assert (drill["holds"], drill["at"]) == (True, "2025-06-01T12:00:02.000Z"), drill
    assert "flat after 1.500 s" in drill["shows"]
    limits = rows["rts6-15-value"]["limits"]
    assert limits["holds"]
    assert "gate.max_order_notional = " in limits["shows"]
    shown = rows["rts6-15-collar"]["running_system"]
    assert shown["self-test of the gate"]["holds"]
    assert "development" in shown["limits in force"]["shows"]
    invariants = rows["rts6-15-counting"]["running_system"]["invariants"]
    assert "I5" in invariants["shows"]
    assert invariants["holds"] is None, "the exchange's journal is not in this home"
    assert rows["rts6-18-penetration"]["verdict"] == "gap"
    assert rows["rts6-15-rest"]["verdict"] == "not assessed"
    assert rows["rts6-9-approval"]["verdict"] == "outside"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert run(["selfassess", "--results", str(results)]) == ExitCode.FAILED
    told = capsys.readouterr().out
    assert "RTS 6" in told
    assert "lease to trade: " in told


def test_what_the_system_shows_against_a_control_is_a_failure(
    system: Scene, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drilled(system, passed=False)
    _break_a_position(system)
    _, rows = controls(capsys, "--results", str(results))
    assert rows["rts6-12-kill"]["verdict"] == "failed"
    assert "flat not proven" in rows["rts6-12-kill"]["running_system"]["last drill"]["shows"]
    invariants = rows["rts6-17-reconcile"]["running_system"]["invariants"]
    assert invariants["holds"] is False
    assert invariants["shows"].startswith("violated: ")


def test_without_a_system_or_results_rows_say_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLRISK_DATABASE_URL", raising=False)
    monkeypatch.setattr("console.selfassess.proofs.DEFAULT", tmp_path / "nothing")
    _, rows = controls(capsys, "--home", str(tmp_path))
    row = rows["rts6-15-collar"]
    assert row["verdict"] == "not proven here"
    assert {test["result"] for test in row["tests"]} == {"not proven here"}
    shown = row["running_system"]["limits in force"]["shows"]
    assert shown.startswith("the system is not running")
    assert run(["selfassess", "--results", str(tmp_path / "nothing")]) == ExitCode.USAGE
    assert "can't be read" in capsys.readouterr().err


def test_a_report_is_recorded_by_a_risk_officer_alone_and_signed(
    scene: Scene,
    results: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    bind(scene, Environment.STAGING)
    words = ["selfassess", "--record", "--results", str(results), "--json"]
    for role in (OperatorRole.OPERATOR, OperatorRole.RISK_OFFICER):
        monkeypatch.setattr(
            "console.commands.system.selfassess.with_authority",
            lambda _db, act, role=role, **_: act(operator("ann", role)),
        )
        capsys.readouterr()
        status = run(words)
        if role is OperatorRole.OPERATOR:
            assert "takes a risk_officer" in capsys.readouterr().err
    facts = json.loads(capsys.readouterr().out)
    assert (status, facts["actor"]) == (ExitCode.FAILED, "operator:ann"), "it has gaps"
    with scene.db.reading() as session:
        entry = session.scalars(select(AuditRow).where(AuditRow.kind == assurance.REPORTED)).one()
    assert SIGNED in entry.payload
    assert entry.payload["counts"] == facts["counts"]
    assert run(["selfassess", "--history", "--json"]) == ExitCode.OK
    (kept,) = json.loads(capsys.readouterr().out)["reports"]
    assert (kept["as_recorded"], kept["content"]["texts"]) == (True, facts["texts"])
    assert run(["selfassess", "--history"]) == ExitCode.OK
    assert "by operator:ann: " in capsys.readouterr().out


def _break_a_position(system: Scene) -> None:
    """A fill without a position, as if a row had been changed by hand."""
    with system.db.transaction() as session:
        session.execute(update(PositionRow).values(qty=PositionRow.qty + 1))
