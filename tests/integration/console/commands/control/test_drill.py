"""`mlrisk drill`: the whole stop on paper, stored; refused where it would do harm."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.clock import SystemClock
from bot.safety.emergency.trigger_rows import TriggerRows
from bot.safety.emergency.triggers import Judgement, TriggerKind
from bot.safety.halting.flattening import FlatReport
from bot.safety.halting.halt import TradingHalt
from bot.safety.halting.latching import Latched
from bot.state.binding import settled
from bot.state.scope import Scope
from config.settings import Environment, load_settings
from console.cli import run
from console.errors import ExitCode
from console.runtime.configuring import actor_of
from console.runtime.halts.drilling import HaltDrill
from console.runtime.halts.halt_steps import HaltOutcome, HaltSteps
from models.enums import ScopeKind, TradingState
from models.repositories import portfolio
from models.tables import AuditRow, TradingStateRow
from tests.support.accounts.exits import open_position
from tests.support.accounts.flattening import flattener
from tests.support.desk import ACCOUNT, Desk
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
    monkeypatch.setattr("console.runtime.halts.flattening.flattener", lambda *_: flattener(desk))
    return desk


def read_wallet(paper: Desk) -> None:
    """A reading as of the wall clock, which the commands go by."""
    money = Decimal(100_000)
    with paper.db.transaction() as session:
        portfolio.record_equity(
            session,
            ACCOUNT,
            SystemClock().now(),
            equity=money,
            wallet_balance=money,
            available=money,
            unrealised_pnl=Decimal(0),
        )


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = run([*arguments, "--json"])
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return status, facts


def test_a_drill_stops_everything_proves_it_and_resumes_if_asked_to(
    paper: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resume = TradingHalt.resume

    def with_a_fresh_reading(self: TradingHalt, **options: Any) -> None:
        resume(self, **options)
        read_wallet(paper)

    monkeypatch.setattr(TradingHalt, "resume", with_a_fresh_reading)
    assert open_position(paper) > 0
    status, facts = told(capsys, "drill", "halt", "--resume", "--reason", "quarterly")
    assert (status, facts["passed"], facts["resumed"]) == (ExitCode.OK, True, True), facts
    assert (facts["left_to_do"], facts["still_denying"]) == ([], [])
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
    assert facts["left_to_do"] == ["`mlrisk resume --reason ...` ends the halt"]
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
    first, last = facts["left_to_do"]
    assert first.startswith("find out why") and last.startswith("`mlrisk resume")


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
    monkeypatch.setattr("console.runtime.halts.flattening.flattener", lambda *_: _NeverFlat())
    status, facts = told(capsys, "drill", "halt")
    assert (status, facts["passed"]) == (ExitCode.FAILED, False)
    assert facts["seconds"]["flat"] is None
    assert run(["drill", "list"]) == ExitCode.OK
    assert "FAILED; latched after" in capsys.readouterr().out


def test_positions_that_may_remain_are_closed_before_anything_resumes(
    paper: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.runtime.halts.flattening.flattener", lambda *_: _NeverFlat())
    assert run(["drill", "halt", "--resume"]) == ExitCode.FAILED
    told = " ".join(capsys.readouterr().out.split())
    assert "stays halted: it is not proven that every position is closed" in told
    assert "left to do: close what is left: `mlrisk halt --flatten" in told
    assert told.index("close what is left") < told.index("`mlrisk resume --reason")
    with paper.db.reading() as session:
        assert session.scalars(select(TradingStateRow.state)).first() != TradingState.ACTIVE


def test_a_halt_between_the_look_and_the_resume_is_not_ended(
    paper: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(_: HaltDrill, __: object) -> None:
        TradingHalt(paper.db, SystemClock()).set_halted("for real", "somebody")

    monkeypatch.setattr(HaltDrill, "_other_halt", looked)
    status, facts = told(capsys, "drill", "halt", "--resume")
    assert (status, facts["resumed"]) == (ExitCode.HALTED, False)
    assert "changed since it was looked at" in facts["kept_halted"]
    assert "mlrisk operator acts" in facts["left_to_do"][0]
    with paper.db.reading() as session:
        assert session.scalars(select(TradingStateRow.state)).first() == TradingState.HALTED


def test_a_halt_during_the_flattening_is_not_ended_by_the_drill(
    paper: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: it was no entry before its report, and the drill resumed under it."""
    carry_out = HaltSteps.carry_out

    def meanwhile(self: HaltSteps, latched: Latched) -> HaltOutcome:
        TradingHalt(paper.db, SystemClock()).set_halted("for real", "somebody")
        return carry_out(self, latched)

    monkeypatch.setattr(HaltSteps, "carry_out", meanwhile)
    status, facts = told(capsys, "drill", "halt", "--resume")
    assert (status, facts["resumed"]) == (ExitCode.HALTED, False)
    assert "somebody stopped trading as well" in facts["kept_halted"]


def test_what_denies_after_the_resume_is_told(
    paper: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    scope = Scope(ScopeKind.SYMBOL, "ETHUSDT")
    TradingHalt(paper.db, SystemClock()).halt(reason="delisted", actor="me", scope=scope)
    assert run(["drill", "halt", "--resume"]) == ExitCode.OK
    told = " ".join(capsys.readouterr().out.split())
    assert "the drill is over and its halt has ended" in told
    assert "NOT trading" in told and "symbol ETHUSDT is HALTED: delisted" in told


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (Environment.STAGING, "`mlrisk resume --operator NAME"),
        (Environment.PRODUCTION, "`mlrisk recover --reason"),
    ],
)
def test_the_way_back_is_that_of_the_environment(
    away: Scene, environment: Environment, words: str
) -> None:
    bind(away, environment)
    settings = settled(away.db, load_settings())
    assert HaltDrill(away.db, settings, SystemClock())._way_back().startswith(words)
