"""`mlrisk drill`: the whole stop on paper, stored; refused where it would do harm."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.clock import SystemClock
from bot.safety.emergency_triggers import Judgement, TriggerKind
from bot.safety.flattening import FlatReport
from bot.safety.halt import TradingHalt
from bot.safety.trigger_rows import TriggerRows
from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from console.runtime.configuring import actor_of
from models.enums import TradingState
from models.tables import AuditRow, TradingStateRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.exits import open_position
from tests.support.flattening import flattener
from tests.support.scene import Scene
from tests.support.trading_halts import bind, state_and_seal

pytestmark = pytest.mark.services


@pytest.fixture
def paper(desk: Desk, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A system whose exchange is in memory; no broker is configured."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.delenv("MLRISK_REDIS_URL", raising=False)
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: desk.exchange)
    monkeypatch.setattr("console.runtime.flattening.flattener", lambda *_: flattener(desk))
    return desk


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = run([*arguments, "--json"])
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return status, facts


def test_a_drill_stops_everything_proves_it_and_resumes_if_asked_to(
    paper: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert open_position(paper) > 0
    status, facts = told(capsys, "drill", "halt", "--resume", "--reason", "quarterly")
    assert (status, facts["passed"], facts["resumed"]) == (ExitCode.OK, True, True), facts
    assert paper.exchange.positions() == []
    assert None not in facts["seconds"].values()
    assert facts["preview"]["state"] == TradingState.FLAT
    _, listed = told(capsys, "drill", "list")
    (row,) = listed["drills"]
    assert (row["passed"], row["report"]["reason"]) == (True, "quarterly")
    with paper.db.reading() as session:
        assert session.scalars(select(TradingStateRow.state)).first() == TradingState.ACTIVE
        kinds = list(session.scalars(select(AuditRow.kind)))
    assert {"halted", "halt_sealed", "halt_report", "flattened", "drill", "resumed"} <= set(kinds)


def test_a_drill_leaves_the_system_halted_and_is_refused_there(
    paper: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    status, facts = told(capsys, "drill", "halt")
    assert (status, facts["resumed"]) == (ExitCode.OK, False), facts
    assert run(["drill", "halt", "--resume"]) == ExitCode.FAILED
    assert "trading is FLAT already" in capsys.readouterr().err
    assert run(["drill", "list"]) == ExitCode.OK
    assert "1: halt at " in capsys.readouterr().out


@pytest.mark.parametrize("who", ["somebody", actor_of(None)])
def test_another_halt_during_a_drill_is_not_resumed(
    paper: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    carry_out, others = TradingHalt.carry_out, [TradingHalt(paper.db, SystemClock())]

    def meanwhile(self: TradingHalt, *arguments: Any, **options: Any) -> Any:
        report = carry_out(self, *arguments, **options)
        while others:
            others.pop().halt(reason="for real", actor=who)
        return report

    monkeypatch.setattr(TradingHalt, "carry_out", meanwhile)
    status, facts = told(capsys, "drill", "halt", "--resume")
    assert (status, facts["resumed"]) == (ExitCode.HALTED, False)
    assert facts["kept_halted"] == f"{who} stopped trading as well, during the drill"


def test_a_stop_by_the_system_itself_during_a_drill_is_not_resumed(
    paper: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = TradingHalt.record

    def meanwhile(self: TradingHalt, *arguments: Any) -> Any:
        with paper.db.unit_of_work() as uow:
            rows = TriggerRows(uow, ACCOUNT, SystemClock().now())
            rows.note(Judgement(TriggerKind.LOSING_STREAK, "5", "3", None, fires=True))
            rows.stop()
            uow.commit()
        return record(self, *arguments)

    monkeypatch.setattr(TradingHalt, "record", meanwhile)
    status, facts = told(capsys, "drill", "halt", "--resume")
    assert (status, facts["resumed"]) == (ExitCode.HALTED, False)
    assert facts["kept_halted"].endswith("stopped trading as well, during the drill")


def test_a_journalled_halt_during_a_drill_is_not_resumed(
    paper: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.state.halt_journal.pending", lambda _: "a halt")
    status, facts = told(capsys, "drill", "halt", "--resume")
    assert (status, facts["resumed"]) == (ExitCode.HALTED, False)
    assert facts["kept_halted"] == "the halt journal stopped trading as well, during the drill"


@pytest.mark.parametrize("mode", ["testnet", "live"])
def test_a_drill_is_refused_on_every_other_exchange(
    away: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    bind(away, Environment.STAGING, mode)
    monkeypatch.delenv("MLRISK_EXCHANGE_URL")
    for name in ("MLRISK_API_KEY", "MLRISK_API_SECRET"):
        monkeypatch.setenv(name, "a-key-of-somebody-else")
    assert run(["drill", "halt"]) != ExitCode.OK
    assert f"it needs paper, and this is {mode}" in capsys.readouterr().err
    assert state_and_seal(away)[0] == TradingState.ACTIVE


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (Environment.STAGING, "an operator has to log in"),
        (Environment.PRODUCTION, "`mlrisk recover` alone ends a halt"),
    ],
)
def test_a_resume_without_authority_is_refused_before_anything_stops(
    away: Scene, capsys: pytest.CaptureFixture[str], environment: Environment, words: str
) -> None:
    bind(away, environment)
    assert run(["drill", "halt", "--resume"]) == ExitCode.FAILED
    assert words in capsys.readouterr().err
    assert state_and_seal(away)[0] == TradingState.ACTIVE


class _NeverFlat:
    """Closes nothing in time."""

    def flatten(self, *_: object, **__: object) -> FlatReport:
        return FlatReport(None, (), ("BTCUSDT",), ())


def test_what_is_not_proven_fails_the_drill(
    paper: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.runtime.flattening.flattener", lambda *_: _NeverFlat())
    status, facts = told(capsys, "drill", "halt")
    assert (status, facts["passed"]) == (ExitCode.FAILED, False)
    assert facts["seconds"]["flat"] is None
    assert run(["drill", "list"]) == ExitCode.OK
    assert "FAILED; latched after" in capsys.readouterr().out
