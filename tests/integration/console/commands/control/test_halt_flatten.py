"""`mlrisk halt`: its report is recorded and signed whatever fails, and closes without Postgres."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.authority.verifying import problems
from bot.clock import SystemClock
from bot.execution.orders.identity import is_direct_exit
from bot.safety.halting.report import REPORT
from bot.state import halt_journal
from console.cli import run
from console.errors import ExitCode
from models.enums import TradeSide
from models.tables import AuditRow
from tests.support.operators import add_person
from tests.support.scene import Scene
from tests.unit.bot.safety.halting.test_direct_flattening import Paper
from workers.supervision.ports import free_port


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["halt", *arguments, "--json"]) == ExitCode.FAILED
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def reports(scene: Scene) -> list[AuditRow]:
    with scene.db.reading() as session:
        assert problems(session) == []
        asked = select(AuditRow).where(AuditRow.kind == REPORT)
        return list(session.scalars(asked.order_by(AuditRow.seq)))


@pytest.mark.services
@pytest.mark.usefixtures("quick_passphrases", "standing_codes")
def test_an_operator_signs_the_report_and_a_failed_login_leaves_it_unsigned(
    away: Scene, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    login = add_person(away.db, SystemClock(), "ann").on_the_command_line(tmp_path)
    signed = told(capsys, "--reason", "drill", *login)
    assert not [line for line in signed["problems"] if "signed" in line]
    (tmp_path / "login-of-ann").write_text("a wrong phrase\n000000\n", encoding="utf-8")
    unsigned = told(capsys, "--reason", "drill", *login)
    assert "the report is not signed" in unsigned["problems"][-1]
    first, second = reports(away)
    assert first.actor == "operator:ann"
    assert not second.actor.startswith("operator:")
    assert "the report is not signed" in second.payload["problems"][-1]


@pytest.mark.services
def test_a_flattening_that_fails_is_told_and_the_report_recorded(
    away: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = Paper()
    paper.enter(TradeSide.BUY)

    def fails(*_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: paper.venue)
    monkeypatch.setattr("console.runtime.halts.flattening.flattener", fails)
    facts = told(capsys, "--reason", "drill", "--flatten")
    assert facts["sealed_at"] is not None
    assert facts["flat"]["flat_at"] is None
    assert facts["flat"]["problems"] == ["the closing failed, run it again (ValueError: a defect)"]
    (recorded,) = reports(away)
    assert recorded.payload["flat"]["problems"] == facts["flat"]["problems"]


def test_without_postgres_positions_are_closed_and_each_order_noted_in_the_home(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    url = f"postgresql+psycopg://x:x@127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("MLRISK_DATABASE_URL", url)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    paper = Paper()
    paper.venue.recv_window_ms = 100
    paper.enter(TradeSide.BUY)
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: paper.venue)
    assert run(["halt", "--reason", "drill", "--flatten"]) == ExitCode.DEPENDENCY_DOWN
    error = capsys.readouterr().err
    assert "HALTED by this home's journal, not sealed" in error
    assert "FLAT: the exchange reports no position; 1 closing orders sent" in error
    assert paper.venue.positions() == []
    entries = halt_journal.read(tmp_path)
    assert [halt.flatten for halt in entries.halts] == [True]
    assert [line.outcome for line in entries.exits] == ["", "accepted"]
    assert all(is_direct_exit(line.order_link_id) for line in entries.exits)
