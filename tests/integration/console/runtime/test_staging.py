"""`mlrisk strategy set|show|promote|demote`, as a person gives them."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from bot.clock import SystemClock
from bot.safety.halting.halt import TradingHalt
from bot.state import binding
from bot.state.binding import Identity
from bot.state.scope import Scope
from config.settings import Environment, TradingMode
from console.cli import run
from console.errors import ExitCode
from models.database import Database
from models.enums import ScopeKind
from models.tables import StrategyRow
from tests.support.desk import ACCOUNT
from tests.support.operators import add_person

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]
Mlrisk = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mlrisk(
    db: Database,
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Mlrisk:
    """Runs a command on this test's database: its exit status, output and errors."""
    del db
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("MLRISK_ACCOUNT", ACCOUNT)

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run(["strategy", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def shown(mlrisk: Mlrisk, *arguments: str) -> dict[str, Any]:
    status, out, err = mlrisk(*arguments, "--json")
    assert status == ExitCode.OK, err
    found: dict[str, Any] = json.loads(out)
    return found


def grow_old(db: Database, days: int) -> None:
    """The present stages are so many days older."""
    with db.transaction() as session:
        older = StrategyRow.stage_since - timedelta(days=days)
        session.execute(update(StrategyRow).values(stage_since=older))


def ask_for_little(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Promotions take a week, and no decision."""
    file = tmp_path / "limits.yaml"
    packaged = Path("config/ml_risk_config.yaml").read_text(encoding="utf-8")
    changed = packaged.replace("min_stage_decisions: 100", "min_stage_decisions: 0")
    assert changed != packaged
    file.write_text(changed, encoding="utf-8")
    monkeypatch.setenv("MLRISK_CONFIG_PATH", str(file))


def test_a_strategy_is_set_shown_listed_and_demoted_in_development(
    mlrisk: Mlrisk, db: Database
) -> None:
    assert mlrisk("show", "momentum")[0] != ExitCode.OK
    given = ("--owner", "ann", "--version", "7", "--max-trade", "1000", "-r", "new")
    row = shown(mlrisk, "set", "momentum", *given)
    assert (row["owner"], row["version"], row["stage"]) == ("ann", "7", "full")
    assert row["limits"]["max_trade_notional"] == "1000"
    assert row["last_drill_at"] is None
    TradingHalt(db, SystemClock()).halt(
        reason="drill", actor="test", scope=Scope(ScopeKind.STRATEGY, "momentum")
    )
    status, out, _ = mlrisk("demote", "momentum", "--to", "small", "-r", "doubt")
    assert status == ExitCode.OK
    assert "momentum  SMALL since" in out
    assert "last drill 20" in out
    found = shown(mlrisk, "show", "momentum")
    assert found["evidence"]["decisions"] == 0
    assert found["last_drill_at"] is not None
    listed = shown(mlrisk, "list")["rows"]
    assert listed["momentum"]["stage"] == "small"
    assert listed["momentum"]["tag"]
    for wrong in ("0", "-1", "1e3", "x"):
        assert mlrisk("set", "momentum", "--max-trade", wrong, "-r", "x")[0] == ExitCode.USAGE
    assert shown(mlrisk, "set", "momentum", "--max-trade", "none", "-r", "x")["limits"] == {
        "max_trade_notional": None,
        "max_exposure": None,
        "max_requests_per_second": None,
    }


def test_a_promotion_shows_the_evidence_and_refuses_too_little_of_it(
    mlrisk: Mlrisk, db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mlrisk("demote", "momentum", "--to", "shadow", "-r", "new")
    promote = ("promote", "momentum", "--to", "paper", "-r", "good", "--yes")
    status, out, err = mlrisk(*promote)
    assert status != ExitCode.OK
    assert "days at the stage: 0.0 (at least 7)" in out
    assert "outcomes of predictions: 0 of 0 right" in out
    assert "last drill: never" in out
    assert "0 of 100 decisions on entries" in err
    ask_for_little(monkeypatch, tmp_path)
    grow_old(db, 8)
    status, out, _ = mlrisk(*promote)
    assert status == ExitCode.OK
    assert "momentum  PAPER since" in out
    assert mlrisk(*promote)[0] != ExitCode.OK, "the same stage again"


def test_a_promotion_in_production_waits_for_a_second_risk_officer(
    mlrisk: Mlrisk, db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    owner = Identity(ACCOUNT, "paper", "17", Environment.PRODUCTION, TradingMode.PAPER_TRADING)
    binding.bind(db, owner, SystemClock().now())
    ask_for_little(monkeypatch, tmp_path)
    ann = add_person(db, SystemClock(), "ann")
    bob = add_person(db, SystemClock(), "bob", by=ann.login())
    new = ("set", "momentum", "--owner", "ann", "-r", "new")
    assert mlrisk(*new)[0] != ExitCode.OK, "without a login"
    assert shown(mlrisk, *new, *ann.on_the_command_line(tmp_path))["stage"] == "shadow"
    grow_old(db, 8)
    promote = ("promote", "momentum", "--to", "paper", "-r", "good", "--yes")
    assert mlrisk(*promote)[0] != ExitCode.OK
    status, out, _ = mlrisk(*promote, *ann.on_the_command_line(tmp_path))
    assert status == ExitCode.HALTED
    assert "waits for a second person" in out
    assert mlrisk(*promote, *ann.on_the_command_line(tmp_path))[0] != ExitCode.OK
    status, out, _ = mlrisk(*promote, *bob.on_the_command_line(tmp_path))
    assert status == ExitCode.OK
    assert "PAPER" in out
    with db.transaction() as session:
        session.execute(text("UPDATE strategy SET stage = 'full'"))
    assert "counts as SHADOW" in mlrisk("list")[1]
