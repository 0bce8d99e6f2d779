"""`mlrisk drill stress`: the whole load on a paper account, stored; refused everywhere else."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.safety.emergency import drills
from bot.safety.halting.halt import TradingHalt
from bot.safety.stress_load import STRATEGIES
from config.settings import Environment
from console.cli import run
from console.errors import ExitCode
from models.enums import ExecutionStatus, TradingState
from models.tables import AuditRow, DecisionRow, TradeRequestRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.scene import Scene
from tests.support.trading_halts import bind, state_and_seal

pytestmark = pytest.mark.services


@pytest.fixture
def paper(desk: Desk, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A system of one symbol whose exchange is in memory; the test plays its workers."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("MLRISK_SYMBOLS", "BTCUSDT")
    monkeypatch.delenv("MLRISK_REDIS_URL", raising=False)
    for place in ("console.commands.control.drill", "console.runtime.stressing"):
        monkeypatch.setattr(f"{place}.SystemClock", lambda: desk.clock)
    monkeypatch.setattr("console.runtime.peak_figures.database_now", lambda _: desk.clock.now())
    return desk


@contextmanager
def workers(desk: Desk) -> Iterator[None]:
    """Decides and sends all the time, as the processes do."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                _decide(desk)
                stop.wait(0.01)
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert failed == []


def _decide(desk: Desk) -> None:
    waiting = TradeRequestRow.status == ExecutionStatus.PENDING_VALIDATION
    with desk.db.reading() as session:
        ids = session.scalars(
            select(TradeRequestRow.request_id).where(waiting).order_by(TradeRequestRow.received_at)
        ).all()
    for request_id in ids:
        outcome = desk.approval.validate_stored(request_id)
        if outcome is not None and outcome["verdict"] != "deny":
            # What happens in one moment has no order, and the gate bounds the orders of a second.
            desk.pass_time(0.1)
            desk.send_due()
            desk.stream()
            desk.pass_time(0.1)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = run([*words, "--json"])
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return status, facts


def stress(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    return told(capsys, "drill", "stress", "--seconds", "1", *words)


def test_the_whole_load_is_carried_and_the_report_is_stored(
    paper: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    with workers(paper):
        status, facts = stress(capsys, "--reason", "yearly", "--patience-seconds", "600")
    assert (status, facts["passed"], facts["problems"]) == (ExitCode.OK, True, []), facts
    assert facts["load"]["by_default"] == ["received", "sent", "volume"]
    assert facts["offered"]["messages"] >= facts["load"]["messages"]
    assert float(facts["volume"]) >= float(facts["load"]["volume"])
    assert facts["orders_sent"] >= facts["load"]["orders"]
    assert facts["decisions"]["count"] > 0
    assert facts["fullest_limit"]["share"] <= 1
    assert "violated" not in facts["invariants"].values()
    assert paper.exchange.positions() == [], "all that was bought is sold"
    _, listed = told(capsys, "drill", "list")
    (row,) = listed["drills"]
    assert (row["kind"], row["passed"]) == (drills.STRESS, True)
    with paper.db.reading() as session:
        entry = session.scalars(select(AuditRow).where(AuditRow.kind == drills.DRILLED)).one()
        strategies = set(session.scalars(select(DecisionRow.intent["strategy"].astext)))
    assert entry.payload["report"]["load"] == facts["load"]
    assert strategies == set(STRATEGIES)
    _, peaks = told(capsys, "drill", "peaks")
    assert peaks["sent"]["minute"] is None, "the next test does not double this one"


def test_a_system_that_decides_nothing_fails_it(
    paper: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    status, facts = stress(capsys, "--patience-seconds", "1")
    assert (status, facts["passed"]) == (ExitCode.FAILED, False)
    told_problems = " ".join(facts["problems"])
    assert "requests have no decision" in told_problems
    assert "0 of 10000 were traded" in told_problems
    assert run(["drill", "list"]) == ExitCode.OK
    assert "stress at " in capsys.readouterr().out


def test_a_limit_that_stops_the_volume_is_named(
    paper: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "production.json"
    peak = {"received": {"most": 2}, "sent": {"most": 1}, "volume": {"most": "900000000"}}
    other.write_text(json.dumps(peak), encoding="utf-8")
    with workers(paper):
        status, facts = stress(capsys, "--peaks", str(other), "--patience-seconds", "5")
    assert (status, facts["load"]["volume"]) == (ExitCode.FAILED, "1800000000")
    (problem,) = (each for each in facts["problems"] if "were traded" in each)
    assert "of 1800000000 were traded" in problem
    assert "violated" not in facts["invariants"].values()


@pytest.mark.parametrize("text", ["{}", "none", '{"received": {"most": -1}}'])
def test_a_file_that_no_other_system_wrote_is_refused(
    paper: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "peaks.json").write_text(text, encoding="utf-8")
    words = ["drill", "stress", "--peaks", str(tmp_path / "peaks.json")]
    assert run(words) == ExitCode.USAGE
    assert "is not what `mlrisk drill peaks --json` prints" in capsys.readouterr().err
    with paper.db.reading() as session:
        assert drills.newest(session, ACCOUNT, 1) == []


def test_what_peaks_prints_is_what_a_stress_test_reads(
    paper: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for number in range(3):
        paper.approve(f"r-{number}", signal_data={"position_size": f"{100 + number}"})
    paper.send_due()
    paper.stream()
    _, facts = told(capsys, "drill", "peaks")
    assert (facts["received"]["most"], facts["sent"]["most"]) == ("3", "3")
    (tmp_path / "peaks.json").write_text(json.dumps(facts), encoding="utf-8")
    _, report = stress(capsys, "--peaks", str(tmp_path / "peaks.json"), "--patience-seconds", "1")
    assert report["load"]["by_default"] == []
    assert (report["load"]["messages"], report["load"]["orders"]) == (6, 6)
    capsys.readouterr()
    assert run(["drill", "peaks"]) == ExitCode.OK
    assert "3 orders sent: in the minute from " in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["testnet", "live"])
def test_a_stress_test_is_refused_on_every_other_exchange(
    away: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    bind(away, Environment.STAGING, mode)
    monkeypatch.delenv("MLRISK_EXCHANGE_URL")
    for name in ("MLRISK_API_KEY", "MLRISK_API_SECRET"):
        monkeypatch.setenv(name, "a-key-of-somebody-else")
    assert run(["drill", "stress"]) != ExitCode.OK
    assert f"it needs paper, and this is {mode}" in capsys.readouterr().err
    assert state_and_seal(away)[0] == TradingState.ACTIVE
    with away.db.reading() as session:
        assert session.scalars(select(TradeRequestRow.request_id)).all() == []


def test_a_stress_test_of_a_halted_system_is_refused(
    paper: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    TradingHalt(paper.db, paper.clock).halt(reason="for real", actor="me")
    assert run(["drill", "stress"]) == ExitCode.FAILED
    assert "trading is HALTED (for real)" in capsys.readouterr().err
